--
-- PostgreSQL database dump
--


-- Dumped from database version 18.4
-- Dumped by pg_dump version 18.4

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET transaction_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);


--
-- Name: idempotency_keys; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.idempotency_keys (
    caller text NOT NULL,
    method text NOT NULL,
    key text NOT NULL,
    body_hash bytea NOT NULL,
    answer bytea NOT NULL,
    subject uuid,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);


--
-- Name: users; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text NOT NULL,
    full_name text NOT NULL,
    age smallint,
    role text NOT NULL,
    status text NOT NULL,
    password_hash bytea,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT users_age_check CHECK (((age >= 1) AND (age <= 149))),
    CONSTRAINT users_email_check CHECK ((length(email) <= 254)),
    CONSTRAINT users_full_name_check CHECK (((length(full_name) >= 1) AND (length(full_name) <= 100))),
    CONSTRAINT users_role_check CHECK ((role = ANY (ARRAY['CUSTOMER'::text, 'STAFF'::text, 'ADMIN'::text]))),
    CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['ACTIVE'::text, 'DISABLED'::text])))
);


--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0001');


--
-- Data for Name: idempotency_keys; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.idempotency_keys VALUES ('wilma.weaver@customers.example', 'CreateUser', 'open-wilma-1', '\x148bb7c50d1dff5d21dec4cf9e5f110db3b294333d57140ca75af1f1bacf7a08', '\x0a2430316132313737642d323863322d373432652d613838662d653431646239666337653034121e57696c6d612e57656176657240637573746f6d6572732e6578616d706c651a0c57696c6d61205765617665722029280130013a0b08a89fa0d80610f8bb9f3e420b08a89fa0d80610f8bb9f3e4a0131', '01a2177d-28c2-742e-a88f-e41db9fc7e04', '2026-11-26 10:53:28.402695+00');
INSERT INTO public.idempotency_keys VALUES ('hugo@customers.example', 'CreateUser', 'open-1', '\x3ecb7d995f0d8fb32cbb02540018aaabb3b35c60fe5dd2d49e074a4a4694da27', '\x0a2430316132313737642d323964362d373238632d623235322d35303732343261363132333512166875676f40637573746f6d6572732e6578616d706c651a0d4875676f2048c3a46265726c69280130013a0c08a89fa0d80610f898ecc101420c08a89fa0d80610f898ecc1014a0131', '01a2177d-29d6-728c-b252-507242a61235', '2026-11-26 10:53:28.657733+00');
INSERT INTO public.idempotency_keys VALUES ('noor@customers.example', 'CreateUser', 'open-1', '\xc33f5bd93c30cd46392296200b54ef58f02d19ed72e8073cc7a5454b8a77d119', '\x0a2430316132313737642d326164372d373236612d396631642d32383430383234633838376612166e6f6f7240637573746f6d6572732e6578616d706c651a0a4e6f6f72204e61717669280130013a0c08a89fa0d80610b8dbc7bc02420c08a89fa0d80610b8dbc7bc024a0131', '01a2177d-2ad7-726a-9f1d-2840824c887f', '2026-11-26 10:53:28.917542+00');
INSERT INTO public.idempotency_keys VALUES ('01a2177d-1cc8-72a1-9ae3-a2b116f47549', 'CreateUser', 'import-customer-17850', '\x8327ae3767b059014d53e5b6ec385e06e4c95f08d7db6dd425d7cd870d170fc5', '\x0a2430316132313737642d326264392d373538302d613961612d63616138333639646465643512176f6c69766540637573746f6d6572732e6578616d706c651a094f6c697665204f6c64280130013a0c08a89fa0d80610a0d4d2b703420c08a89fa0d80610a0d4d2b7034a0131', '01a2177d-2bd9-7580-a9aa-caa8369dded5', '2026-11-26 10:53:28.922212+00');
INSERT INTO public.idempotency_keys VALUES ('01a2177d-1bd9-777d-b49c-91b214acb33b', 'CreateUser', 'hire-2', '\x4557b067d6fcd6cf85cb34a6ceafae69344de76ca3848e2df74eaa9b48a2aed8', '\x0a2430316132313737642d326264632d373761302d383764302d35356238343965363138653512157374616e40656d706f7269756d2e6578616d706c651a0b5374616e205365636f6e64280230013a0c08a89fa0d80610d8ba89b903420c08a89fa0d80610d8ba89b9034a0131', '01a2177d-2bdc-77a0-87d0-55b849e618e5', '2026-11-26 10:53:29.170884+00');


--
-- Data for Name: users; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.users VALUES ('01a2177d-1bd9-777d-b49c-91b214acb33b', 'admin@emporium.example', 'Ada Admin', NULL, 'ADMIN', 'ACTIVE', '\x2432622431322443465375463471364f314970364c3839374d3158612e46347366507162503435773075786f764b5842394d6e496d74326e51683032', '2026-11-26 10:53:24.825776+00', '2026-11-26 10:53:24.825776+00', 1);
INSERT INTO public.users VALUES ('01a2177d-1cc8-72a1-9ae3-a2b116f47549', 'staff@emporium.example', 'Sam Staff', NULL, 'STAFF', 'ACTIVE', '\x243262243132244e4564776b386f462f4276316e5a4c376d3838577a2e7267336d767671424e6370784e5a2f41656b485242314e6d664375716e3432', '2026-11-26 10:53:25.064289+00', '2026-11-26 10:53:25.064289+00', 1);
INSERT INTO public.users VALUES ('01a2177d-1db6-73a9-9599-9519175c2bb5', 'customer@emporium.example', 'Cora Customer', NULL, 'CUSTOMER', 'ACTIVE', '\x243262243132246d4e6e30746d5365387467616f534a3935475a4d414f615244304154656842795770552e7362553743536c75784a386d3141456553', '2026-11-26 10:53:25.302112+00', '2026-11-26 10:53:25.302112+00', 1);
INSERT INTO public.users VALUES ('01a2177d-28c2-742e-a88f-e41db9fc7e04', 'Wilma.Weaver@customers.example', 'Wilma Weaver', 41, 'CUSTOMER', 'ACTIVE', '\x243262243132247a69746a364e49624167486e6439496841486e46796552384a6552364e74477562574e656f79565850757961393236473236663932', '2026-11-26 10:53:28.130539+00', '2026-11-26 10:53:28.130539+00', 1);
INSERT INTO public.users VALUES ('01a2177d-29d6-728c-b252-507242a61235', 'hugo@customers.example', 'Hugo Häberli', NULL, 'CUSTOMER', 'ACTIVE', '\x2432622431322463746552304b652e4e65363648615934334838514e4f306a682f68572e74306f7157517a56325833742f436d39676548575a693043', '2026-11-26 10:53:28.406523+00', '2026-11-26 10:53:28.406523+00', 1);
INSERT INTO public.users VALUES ('01a2177d-2ad7-726a-9f1d-2840824c887f', 'noor@customers.example', 'Noor Naqvi', NULL, 'CUSTOMER', 'ACTIVE', '\x24326224313224327a7a445056495730713273495a2f4a6f672f58582e516d6355597a6442756e6a7067577631474f67786c6b483649727145357669', '2026-11-26 10:53:28.663875+00', '2026-11-26 10:53:28.663875+00', 1);
INSERT INTO public.users VALUES ('01a2177d-2bd9-7580-a9aa-caa8369dded5', 'olive@customers.example', 'Olive Old', NULL, 'CUSTOMER', 'ACTIVE', NULL, '2026-11-26 10:53:28.922004+00', '2026-11-26 10:53:28.922004+00', 1);
INSERT INTO public.users VALUES ('01a2177d-2bdc-77a0-87d0-55b849e618e5', 'stan@emporium.example', 'Stan Second', NULL, 'STAFF', 'ACTIVE', '\x243262243132242f4e7662317831666a637a7a6451336d4f4b3870572e3463784b4b4966594c494a2f4d444b566b386963306e3946536f645945346d', '2026-11-26 10:53:28.924999+00', '2026-11-26 10:53:28.924999+00', 1);


--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);


--
-- Name: idempotency_keys idempotency_keys_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, method, key);


--
-- Name: users users_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);


--
-- Name: idempotency_keys_by_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_by_created_at ON public.idempotency_keys USING brin (created_at);


--
-- Name: idempotency_keys_by_subject; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX idempotency_keys_by_subject ON public.idempotency_keys USING btree (subject) WHERE (subject IS NOT NULL);


--
-- Name: users_by_created_at; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_by_created_at ON public.users USING btree (created_at, id);


--
-- Name: users_by_email; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_by_email ON public.users USING btree (email, id);


--
-- Name: users_by_full_name; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX users_by_full_name ON public.users USING btree (full_name, id);


--
-- Name: users_email; Type: INDEX; Schema: public; Owner: -
--

CREATE UNIQUE INDEX users_email ON public.users USING btree (lower(email));


--
-- PostgreSQL database dump complete
--


