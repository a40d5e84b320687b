//! What a rule may ask about the organization: account names, units, tags, named lists.
