//! Raw JSON bytes: find structure, skip, split, look inside, without building a tree.
