"""Rows that are the worst for the planner.

What matches stands at the far end of the order, or there is next to nothing of it, or half of
everything.
"""

import uuid

ROWS = 12_000
OWNER, ORDER = str(uuid.uuid4()), str(uuid.uuid4())
FEW_IN = str(uuid.uuid4())  # a category

FILL = {
    "order": f"""
        INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                            total_price, order_date, created_at, updated_at, version)
        SELECT CASE WHEN n = 1 THEN '{ORDER}'::uuid ELSE gen_random_uuid() END,
               CASE WHEN n % 2 = 0 THEN '{OWNER}'::uuid ELSE gen_random_uuid() END,
               CASE WHEN n < 3 THEN 'REFUNDED' WHEN n < {ROWS // 2} THEN 'PAID' ELSE 'PENDING' END,
               CASE WHEN n < 3 THEN 'EUR' ELSE 'GBP' END, n, 0, 0, 0, n,
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute',
               timestamptz '2020-01-01 00:00Z' + n * interval '1 second', now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO order_items (order_id, position, product_name, unit_price, quantity)
        SELECT id, 1, 'a thing', subtotal, 1 FROM orders;
        INSERT INTO order_moves (id, order_id, after, occurred_at)
        SELECT gen_random_uuid(), id, 'PENDING', created_at FROM orders
        UNION ALL
        SELECT gen_random_uuid(), '{ORDER}', 'PAID', now() FROM generate_series(1, {ROWS});
        WITH books AS (
            INSERT INTO address_books (user_id, default_id, count)
            SELECT CASE WHEN n = 1 THEN '{OWNER}'::uuid ELSE md5('book' || n)::uuid END,
                   md5('address' || n)::uuid, CASE WHEN n = 1 THEN 50 ELSE 1 END
            FROM generate_series(1, {ROWS}) AS n
        )
        INSERT INTO addresses (id, user_id, label, address, created_at, updated_at, version)
        SELECT md5('address' || n)::uuid,
               CASE WHEN n = 1 OR n > {ROWS} THEN '{OWNER}'::uuid ELSE md5('book' || n)::uuid END,
               '', jsonb_build_object('recipient', '', 'street', '', 'city', '', 'postal_code', '',
                                      'country_code', 'GB'),
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute', now(), 1
        FROM generate_series(1, {ROWS} + 49) AS n;
        INSERT INTO order_notes (id, order_id, author_kind, text, is_internal, created_at)
        SELECT gen_random_uuid(), '{ORDER}', 'STAFF', 'Ring twice', n % 2 = 0, now()
        FROM generate_series(1, 100) AS n;
        INSERT INTO payments (id, order_id, provider, status, amount, currency, captures,
                              in_progress, created_at, updated_at, version)
        SELECT gen_random_uuid(), '{ORDER}', 'sandbox', 'DECLINED', 1, 'GBP', true, false, now(),
               now(), 1
        FROM generate_series(1, {ROWS});
        INSERT INTO shipping_methods (id, name, currency, zones, active, created_at, updated_at,
                                      version)
        SELECT gen_random_uuid(), lpad(n::text, 8, '0'), 'GBP', '[]', n < {ROWS // 2},
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute', now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO shipments (id, order_id, status, tracking_number, created_at, updated_at,
                               version)
        SELECT gen_random_uuid(), id, 'SENT', '', created_at, now(), 1 FROM orders
        UNION ALL
        SELECT gen_random_uuid(), '{ORDER}', 'SENT', '', now(), now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO returns (id, order_id, status, reason, comment, currency, refundable, refunded,
                             open_refunds, asked, created_at, updated_at, version)
        SELECT gen_random_uuid(), id, 'REQUESTED', 'OTHER', '', 'GBP', 0, 0, 0, 0, created_at,
               now(), 1 FROM orders
        UNION ALL
        SELECT gen_random_uuid(), '{ORDER}', 'REQUESTED', 'OTHER', '', 'GBP', 0, 0, 0, 0, now(),
               now(), 1 FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO products (id, sku, name, unit_price, currency, created_at, updated_at, version,
                              status, attributes)
        SELECT CASE WHEN n = 1 THEN '{OWNER}'::uuid ELSE gen_random_uuid() END, 'SKU-' || n,
               chr(97 + n / 676) || chr(97 + n / 26 % 26) || chr(97 + n % 26), n / 100.0, 'GBP',
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute', now(), 1,
               CASE WHEN n < {ROWS // 2} THEN 'ARCHIVED' ELSE 'ACTIVE' END,
               CASE WHEN n > {ROWS} - 50 THEN '{{"colour": "red"}}' ELSE '{{}}' END::jsonb
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO stock (product_id, tracked)
        SELECT id, unit_price > {(ROWS - 50) / 100} FROM products;
        INSERT INTO categories (id, name, parent_id, created_at, updated_at, version)
        VALUES ('{FEW_IN}', 'Few', NULL, now(), now(), 1);
        INSERT INTO categories (id, name, parent_id, created_at, updated_at, version)
        SELECT gen_random_uuid(), lpad(n::text, 8, '0'),
               CASE WHEN n % 2 = 0 THEN '{FEW_IN}'::uuid END, now() + n * interval '1 minute',
               now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO product_categories (product_id, category_id, position)
        SELECT id, '{FEW_IN}', 1 FROM products WHERE unit_price > {(ROWS - 50) / 100};
        INSERT INTO promotions (id, code, name, percentage, stacking, active, created_at,
                                updated_at, version)
        SELECT gen_random_uuid(), 'CODE-' || n, 'Ten off', 10, 'COMBINABLE', n > {ROWS - 50},
               now() + n * interval '1 minute', now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO tax_rates -- there are no more than a thousand
        SELECT gen_random_uuid(), CASE WHEN random() < 0.5 THEN 'GB' ELSE 'FR' END, id, 'VAT', 20,
               false, created_at, now(), 1 FROM categories LIMIT 1000;
        INSERT INTO webhooks (id, url, description, event_types, status, secret, pause_reason,
                              events, created_at, updated_at, version) -- a thousand at most
        SELECT CASE n WHEN 1 THEN '{ORDER}'::uuid ELSE gen_random_uuid() END, 'https://x.invalid',
               '', '{{*}}', CASE WHEN n % 2 = 0 THEN 'ACTIVE' ELSE 'DISABLED' END, '', '', 0,
               now() + n * interval '1 minute', now(), 1
        FROM generate_series(1, 1000) AS n;
        INSERT INTO webhook_deliveries (webhook_id, id, event_type, aggregate_id, status)
        SELECT CASE WHEN n % 2 = 0 THEN '{ORDER}'::uuid ELSE gen_random_uuid() END,
               gen_random_uuid(), 'ping', '{ORDER}',
               CASE WHEN n < 50 THEN 'PENDING' ELSE 'SUCCEEDED' END
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO stock_movements (id, product_id, number, kind, on_hand_delta, reserved_delta,
                                     on_hand, reserved, reason, created_at)
        SELECT gen_random_uuid(),
               CASE WHEN n % 2 = 0 THEN '{OWNER}'::uuid ELSE gen_random_uuid() END, n, 'ADJUSTED',
               1, 0, 1, 0, 'RECEIVED', now()
        FROM generate_series(1, {ROWS}) AS n;
    """,
    "user": f"""
        INSERT INTO users (id, email, full_name, role, status, created_at, updated_at, version)
        SELECT gen_random_uuid(), 'user-' || n || '@example.com', lpad(n::text, 8, '0'),
               CASE WHEN n < {ROWS // 2} THEN 'STAFF' ELSE 'CUSTOMER' END,
               CASE WHEN n >= {ROWS // 2} OR n < 3 THEN 'DISABLED' ELSE 'ACTIVE' END,
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute', now(), 1
        FROM generate_series(1, {ROWS}) AS n;
        INSERT INTO audit_logs (id, service, action, actor_id, subject_id, resource, request_id,
                                outcome, count, first_at, last_at)
        SELECT gen_random_uuid(), 'user',
               'emporium.user.v1.AuthService/' ||
                   CASE WHEN n < 3 THEN 'ChangePassword' ELSE 'Login' END,
               CASE WHEN n % 2 = 0 THEN '{OWNER}' ELSE gen_random_uuid()::text END,
               CASE WHEN n % 3 = 0 THEN '{OWNER}'::uuid ELSE gen_random_uuid() END, '', '',
               CASE WHEN n < 3 OR n > {ROWS} - 3 THEN 'INTERNAL' ELSE 'OK' END, 1,
               timestamptz '2020-01-01 00:00Z' + n * interval '1 minute', now()
        FROM generate_series(1, {ROWS}) AS n;
    """,
}
