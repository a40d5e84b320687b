-- From version 1 to version 2. Never edited once released: a later version adds `migration-3.sql`.

-- What the target calls the message it made, so that a later one can edit it or answer to it.
ALTER TABLE delivery ADD COLUMN handle TEXT;
