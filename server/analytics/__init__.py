"""The analytics service: user behaviour and sales figures."""
