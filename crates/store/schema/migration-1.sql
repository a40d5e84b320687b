-- From nothing to version 1. Never edited once released: a later version adds `migration-2.sql`.
-- Times are milliseconds since 1970 and were handed in; nothing here asks for the time.

-- The store's own sums: `commit`, `run`, and what was created and pruned, so that the counts balance after retention.
CREATE TABLE ledger (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO ledger (name, value) VALUES
    ('commit', 0), ('run', 0),
    ('findings_created', 0), ('findings_pruned', 0),
    ('deliveries_created', 0), ('deliveries_pruned', 0);

-- How far each source was read.
CREATE TABLE checkpoint (
    source TEXT NOT NULL,
    partition TEXT NOT NULL,
    position BLOB NOT NULL,
    PRIMARY KEY (source, partition)
) STRICT, WITHOUT ROWID;

-- A rule's state lives in a namespace, under the hash of what gives that state its meaning.
CREATE TABLE namespace (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    meaning BLOB NOT NULL CHECK (length(meaning) = 32)
) STRICT;

-- Values may be long, so they stay out of the index that finds them.
CREATE TABLE state (
    row INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (namespace, key)
) STRICT;

-- Events a namespace has decided on already.
CREATE TABLE seen (
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    event BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_expiry ON seen (expires_ms);

-- `latest` is 1 on the highest revision of each id. Severities: 0 info, 1 low, 2 medium, 3 high, 4 critical.
CREATE TABLE finding (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    latest INTEGER NOT NULL CHECK (latest IN (0, 1)),
    rule TEXT NOT NULL,
    severity INTEGER NOT NULL CHECK (severity BETWEEN 0 AND 4),
    state TEXT NOT NULL,
    account TEXT NOT NULL,
    region TEXT NOT NULL,
    time_ms INTEGER NOT NULL,
    committed_ms INTEGER NOT NULL,
    body BLOB NOT NULL,
    UNIQUE (id, revision)
) STRICT;
CREATE INDEX finding_by_time ON finding (time_ms);
CREATE INDEX finding_by_rule ON finding (rule, time_ms);
CREATE INDEX finding_by_account ON finding (account, time_ms);
CREATE INDEX finding_by_severity ON finding (severity, time_ms);
CREATE INDEX finding_by_commit ON finding (committed_ms);

-- The outbox. `attempts_before` is what `attempts` was when the entry was last taken back from the dead letters.
-- Retention empties a settled entry by deleting its payload; the row stays longer, so that a late replay finds its key.
CREATE TABLE delivery (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    finding TEXT NOT NULL,
    revision INTEGER NOT NULL CHECK (revision >= 0),
    target TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'sending', 'delivered', 'dead', 'discarded')),
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    due_ms INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    attempts_before INTEGER NOT NULL DEFAULT 0,
    emptied INTEGER NOT NULL DEFAULT 0 CHECK (emptied IN (0, 1)),
    receipt BLOB,
    error TEXT,
    UNIQUE (finding, target, revision)
) STRICT;
CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'pending';
CREATE INDEX delivery_by_state ON delivery (state);
CREATE INDEX delivery_settled ON delivery (changed_ms) WHERE state IN ('delivered', 'discarded');
CREATE INDEX delivery_to_empty ON delivery (changed_ms) WHERE state IN ('delivered', 'discarded') AND emptied = 0;

-- Apart from its entry: a change of state rewrites a row as a whole, and on a full disk there must be room to note it.
CREATE TABLE payload (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (seq) ON DELETE CASCADE,
    bytes BLOB NOT NULL
) STRICT;

-- The caller's counted outcomes.
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;

-- Who did what. Each row's hash covers the hash before it.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail BLOB NOT NULL,
    previous BLOB NOT NULL CHECK (length(previous) = 32),
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit list is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit list is append-only'); END;
