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
CREATE TABLE checkpoint (
    source TEXT NOT NULL,
    partition TEXT NOT NULL,
    position BLOB NOT NULL,
    PRIMARY KEY (source, partition)
) STRICT, WITHOUT ROWID;
CREATE TABLE counter (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL CHECK (value >= 0)
) STRICT, WITHOUT ROWID;
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
    error TEXT, handle TEXT,
    UNIQUE (finding, target, revision)
) STRICT;
CREATE INDEX delivery_by_state ON delivery (state);
CREATE INDEX delivery_due ON delivery (due_ms) WHERE state = 'pending';
CREATE INDEX delivery_settled ON delivery (changed_ms) WHERE state IN ('delivered', 'discarded');
CREATE INDEX delivery_to_empty ON delivery (changed_ms) WHERE state IN ('delivered', 'discarded') AND emptied = 0;
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
    body BLOB NOT NULL, outcome TEXT, outcome_of TEXT,
    UNIQUE (id, revision)
) STRICT;
CREATE INDEX finding_by_account ON finding (account, time_ms);
CREATE INDEX finding_by_commit ON finding (committed_ms);
CREATE INDEX finding_by_rule ON finding (rule, time_ms);
CREATE INDEX finding_by_severity ON finding (severity, time_ms);
CREATE INDEX finding_by_time ON finding (time_ms);
CREATE TABLE ledger (
    name TEXT NOT NULL PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE namespace (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    meaning BLOB NOT NULL CHECK (length(meaning) = 32)
) STRICT;
CREATE TABLE payload (
    delivery INTEGER PRIMARY KEY REFERENCES delivery (seq) ON DELETE CASCADE,
    bytes BLOB NOT NULL
) STRICT;
CREATE TABLE seen (
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    event BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (namespace, event)
) STRICT, WITHOUT ROWID;
CREATE INDEX seen_by_expiry ON seen (expires_ms);
CREATE TABLE state (
    row INTEGER PRIMARY KEY,
    namespace INTEGER NOT NULL REFERENCES namespace (id),
    key BLOB NOT NULL,
    version INTEGER NOT NULL,
    value BLOB NOT NULL,
    UNIQUE (namespace, key)
) STRICT;
