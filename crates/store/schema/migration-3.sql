-- From version 2 to version 3. Never edited once released: a later version adds `migration-4.sql`.

-- What became of a revision of a finding when it came in, and in which conversation or by what; unknown of findings kept before.
ALTER TABLE finding ADD COLUMN outcome TEXT;
ALTER TABLE finding ADD COLUMN outcome_of TEXT;
