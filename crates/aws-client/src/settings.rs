//! Which AWS, and as whom.

use std::fmt;

/// Which AWS, and as whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AwsSettings {
    /// The region; none takes what whoever asks knows of it, else what the environment says.
    pub region: Option<String>,
    /// Another endpoint than AWS's: a private one, or a test's.
    pub endpoint: Option<String>,
    /// A role to assume; none acts as whoever the credentials belong to.
    pub role: Option<Role>,
    /// Fixed keys; none finds credentials as every AWS tool does.
    pub keys: Option<Keys>,
}

/// A role to assume first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its ARN.
    pub arn: String,
    /// What its trust policy asks for in `sts:ExternalId`, if it asks. AWS does not treat it as a secret: who may read the role may read it.
    pub external_id: Option<String>,
}

impl Role {
    /// Whether a text can be an external id: as AWS STS takes it.
    #[must_use]
    pub fn is_external_id(text: &str) -> bool {
        (2..=1_224).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte))
    }
}

/// Keys for an endpoint that wants others than the environment's: a store that speaks S3 but is not AWS. The secret is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub(crate) id: Box<str>,
    pub(crate) secret: Box<str>,
}

impl Keys {
    /// A pair of keys.
    #[must_use]
    pub fn new(access_key_id: &str, secret_access_key: &str) -> Self {
        Keys { id: access_key_id.into(), secret: secret_access_key.into() }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_not_shown() {
        let keys = Keys::new("AKIAIOSFODNN7EXAMPLE", "hunter2");
        assert_eq!(format!("{keys:?}"), r#"Keys { id: "AKIAIOSFODNN7EXAMPLE", .. }"#);
    }
}
