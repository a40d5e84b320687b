//! What services and clients say, without what gives access: session tokens, secret keys, signatures.
//!
//! A service that refuses a signature answers with the request as it would have signed it, session token and all; an address that was signed holds its
//! signature. Which credentials a call had is the SDK's to know, so they are told by their names and by their looks. Ids of keys and of accounts,
//! ARNs and ids of requests stay: they are what somebody needs who looks for what is wrong.

/// What stands for a secret.
const HIDDEN: &str = "[secret]";
/// How the names end, in small letters, of what gives access.
const NAMES: [&str; 7] = [
    "security-token",
    "securitytoken",
    "session-token",
    "sessiontoken",
    "secretaccesskey",
    "signature",
    "credential",
];
/// A run of letters and digits that is so long is a token: a name of AWS's has at most 64 characters between its marks.
const RUN_MIN: usize = 80;

/// A text without what gives access.
#[must_use]
pub fn redacted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // What the last word was: a name, or a name and a mark behind it.
    let (mut named, mut owed) = (false, false);
    while let Some(first) = rest.chars().next() {
        let is_word = in_word(first);
        let end = rest.find(|c| in_word(c) != is_word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        rest = after;
        if !is_word {
            let is_gap = piece.chars().all(|c| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
            (named, owed) = (named && is_gap, owed && is_gap);
            out.push_str(piece);
        } else if named && matches!(piece, ":" | "=") {
            (named, owed) = (false, true);
            out.push_str(piece);
        } else if owed {
            (named, owed) = (false, false);
            out.push_str(HIDDEN);
        } else if let Some((name, value)) = value_of_name(piece) {
            owed = value.is_empty();
            out.push_str(name);
            out.push_str(if value.is_empty() { "" } else { HIDDEN });
        } else {
            named = is_name(piece);
            push_without_runs(&mut out, piece);
        }
    }
    out
}

fn in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '%' | '_' | '-' | '.' | ':' | '~')
}

fn is_name(text: &str) -> bool {
    let small = text.to_ascii_lowercase();
    NAMES.iter().any(|name| small.ends_with(name))
}

/// A name with the mark behind it, and the value behind that.
fn value_of_name(word: &str) -> Option<(&str, &str)> {
    let marks = word.char_indices().filter(|(_, c)| matches!(c, ':' | '='));
    marks.map(|(at, _)| word.split_at(at + 1)).find(|(name, _)| is_name(name.trim_end_matches([':', '='])))
}

/// Writes a word, with each long run of what tokens are made of hidden.
fn push_without_runs(out: &mut String, word: &str) {
    let in_run = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '%');
    let mut rest = word;
    while !rest.is_empty() {
        let end = rest.find(|c| !in_run(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
        let is_token = run.len() >= RUN_MIN
            && has(char::is_ascii_digit)
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase);
        out.push_str(if is_token { HIDDEN } else { run });
        let mark = after.chars().next().map_or(0, char::len_utf8);
        let (mark, after) = after.split_at(mark);
        out.push_str(mark);
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_access_is_hidden() {
        let token = "IQoJb3JpZ2luX2VjEJr0".repeat(6);
        for (text, wanted) in [
            (
                format!("'POST\n/\n\nhost:sns.eu-west-1.amazonaws.com\nx-amz-security-token:{token}\n\nhost'"),
                "'POST\n/\n\nhost:sns.eu-west-1.amazonaws.com\nx-amz-security-token:[secret]\n\nhost'".to_owned(),
            ),
            (
                format!("https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA/20261103&X-Amz-Security-Token={token}&X-Amz-Signature=0a1b2c"),
                "https://b.s3.amazonaws.com/k?X-Amz-Credential=[secret]&X-Amz-Security-Token=[secret]&X-Amz-Signature=[secret]".to_owned(),
            ),
            (
                r#"{"AccessKeyId" : "ASIAEXAMPLE", "SecretAccessKey" : "wJalrXUtnFEMI/K7MDENG", "Code": "Success"}"#.to_owned(),
                r#"{"AccessKeyId" : "ASIAEXAMPLE", "SecretAccessKey" : "[secret]", "Code": "Success"}"#.to_owned(),
            ),
            (format!("token {token} is not valid"), "token [secret] is not valid".to_owned()),
            (format!("token={token}."), "[secret].".to_owned()),
        ] {
            assert_eq!(redacted(&text), wanted);
        }
    }

    #[test]
    fn what_helps_stays() {
        for text in [
            "User: arn:aws:sts::111122223333:assumed-role/a-role-with-a-long-name-that-says-what-it-is-for/trailhound is not authorized to perform: SNS:Publish on resource: arn:aws:sns:us-east-1:111122223333:findings because no identity-based policy allows the SNS:Publish action",
            "Signature expired: 20261103T024109Z is now earlier than 20261103T030000Z (20261103T031500Z - 15 min.)",
            "Credential should be scoped to a valid region, not 'us-east-1'.",
            "Function not found: arn:aws:lambda:eu-central-1:111122223333:function:SecurityStackFindingsHandlerServiceRole1A2B3C4D",
            "The security token included in the request is expired",
            "",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
