-- What kiosks told, each event once by its id; `outbox` and `seq` tell the order in which a kiosk
-- made its own. Of `inventory`, `stock` is the newest count by its own time, and `sold` all that
-- was ever sold.
CREATE SCHEMA IF NOT EXISTS aisle;

-- One row. `id` tells this database from every other, so that a new one is filled from the start.
CREATE TABLE aisle.about (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    version integer NOT NULL
);
INSERT INTO aisle.about (version) VALUES (0);

CREATE TABLE aisle.events (
    id uuid PRIMARY KEY,
    tenant text NOT NULL,
    store text NOT NULL,
    kiosk text NOT NULL,
    outbox uuid NOT NULL,
    seq bigint NOT NULL,
    lane text NOT NULL,
    kind text NOT NULL,
    made_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    body jsonb NOT NULL
);
CREATE INDEX events_kiosk ON aisle.events (tenant, store, kiosk, made_at);
CREATE INDEX events_kind ON aisle.events (kind, made_at);
CREATE INDEX events_received ON aisle.events (received_at);

CREATE TABLE aisle.inventory (
    tenant text NOT NULL,
    store text NOT NULL,
    sku text NOT NULL,
    stock bigint,
    as_of timestamptz,
    event uuid,
    sold bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, store, sku)
);

CREATE VIEW aisle.orders AS
SELECT id, tenant, store, kiosk, body->>'number' AS number, made_at AS placed_at, received_at, body->'lines' AS lines
FROM aisle.events
WHERE kind = 'order_placed';

-- How the kiosks of a store were used, a day (UTC) a row.
CREATE VIEW aisle.days AS
SELECT
    tenant,
    store,
    (made_at AT TIME ZONE 'UTC')::date AS day,
    count(*) FILTER (WHERE kind = 'visit_ended') AS visits,
    count(*) FILTER (WHERE kind = 'visit_ended' AND (body->>'finished')::boolean) AS finished_visits,
    coalesce(sum((body->>'turns')::bigint) FILTER (WHERE kind = 'visit_ended'), 0) AS turns,
    count(*) FILTER (WHERE kind = 'searched') AS searches,
    count(*) FILTER (WHERE kind = 'searched' AND NOT (body->>'no_match')::boolean) AS searches_that_found,
    count(*) FILTER (WHERE kind = 'honest_no') AS honest_noes,
    coalesce(sum((body->>'shown')::bigint) FILTER (WHERE kind = 'recommended'), 0) AS recommended,
    coalesce(sum((body->>'taken')::bigint) FILTER (WHERE kind = 'recommended'), 0) AS recommended_taken,
    count(*) FILTER (WHERE kind = 'list_confirmed') AS lists_confirmed,
    count(*) FILTER (WHERE kind = 'order_placed') AS orders,
    count(*) FILTER (WHERE kind = 'satisfaction' AND (body->>'useful')::boolean) AS useful,
    count(*) FILTER (WHERE kind = 'satisfaction' AND NOT (body->>'useful')::boolean) AS not_useful
FROM aisle.events
GROUP BY tenant, store, day;
