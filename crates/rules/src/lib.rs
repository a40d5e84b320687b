//! Rule documents: their schema, diagnostics, lint, tests and packs.
