//! The parts of a request that the simulator reads, and what they ask for.

use super::identifier::index_of;
use super::query::decoded;
use super::refusal::Refusal;
use crate::stripe::children::CHILDREN;
use crate::stripe::entities::{ENTITIES, Entity};

/// The parts of a request that the simulator reads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Request<'a> {
    pub(super) method: &'a str,
    /// Path and query.
    pub(super) target: &'a str,
    pub(super) authorization: Option<&'a str>,
    pub(super) version: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    pub(super) context: Option<&'a str>,
}

impl<'a> Request<'a> {
    pub(super) fn path(&self) -> &'a str {
        self.target.split_once('?').map_or(self.target, |parts| parts.0)
    }

    pub(super) fn query(&self) -> &'a str {
        self.target.split_once('?').map_or("", |parts| parts.1)
    }

    /// The endpoint that answers; `None` if the path is no list's, and that of no object in one.
    pub(super) fn endpoint(&self) -> Option<Endpoint> {
        let path = self.path();
        if let Some(entity) = ENTITIES.iter().find(|entity| entity.path == path) {
            return Some(Endpoint::List(entity));
        }
        let is_asked = |child: &&Entity| match child.path.split_once("{id}") {
            Some((before, after)) => {
                let id = path.strip_prefix(before).and_then(|rest| rest.strip_suffix(after));
                id.is_some_and(|id| !id.is_empty() && !id.contains('/'))
            }
            None => child.path == path,
        };
        if let Some(child) = CHILDREN.iter().find(is_asked) {
            return Some(Endpoint::ChildList(child));
        }
        let (list, id) = path.rsplit_once('/')?;
        let entity = ENTITIES.iter().find(|entity| entity.path == list).filter(|_| !id.is_empty())?;
        Some(Endpoint::Retrieve(entity))
    }

    /// The id behind the path of that list.
    pub(super) fn id(&self, entity: &Entity) -> Result<String, Refusal> {
        let behind = self.path().strip_prefix(entity.path).unwrap_or_default().trim_start_matches('/');
        // A plus sign in a path is no space.
        decoded(&behind.split('/').next().unwrap_or_default().replace('+', "%2B"))
    }
}

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A page of a list.
    List(&'static Entity),
    /// One object, by its id.
    Retrieve(&'static Entity),
    /// A page of the list of one object.
    ChildList(&'static Entity),
}

impl Endpoint {
    /// Number of buckets that the limits need.
    pub(super) const BUCKETS: usize = 2 * ENTITIES.len() + CHILDREN.len() + 1;

    /// Place of its bucket among those of the limits. All other paths share the last one.
    pub(super) fn bucket(endpoint: Option<Self>) -> usize {
        match endpoint {
            Some(Self::List(entity)) => index_of(entity),
            Some(Self::Retrieve(entity)) => ENTITIES.len() + CHILDREN.len() + index_of(entity),
            Some(Self::ChildList(child)) => index_of(child),
            None => Self::BUCKETS - 1,
        }
    }

    /// The entity that is asked for.
    pub(super) const fn entity(self) -> &'static Entity {
        match self {
            Self::List(entity) | Self::Retrieve(entity) | Self::ChildList(entity) => entity,
        }
    }
}

/// A date, or a date with a release's name.
pub(super) fn is_version(text: &str) -> bool {
    (10..=40).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
}

/// An id of an account.
pub(super) fn is_account(text: &str) -> bool {
    (6..=64).contains(&text.len())
        && text.starts_with("acct_")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// The user of Basic credentials: the part before the first colon of the base64 text.
pub(super) fn user_of(base64: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for byte in base64.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap_or_default());
        }
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.split_once(':').map_or(text.as_str(), |parts| parts.0).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stripe::entities::by_name;

    #[test]
    fn basic_credentials_hold_the_key_as_user() {
        assert_eq!(user_of("c2tfdGVzdF8xMjM6").as_deref(), Some("sk_test_123"));
        assert_eq!(user_of("c2tfdGVzdF8xMjM6cHc=").as_deref(), Some("sk_test_123"));
        assert_eq!(user_of("!!"), None);
    }

    #[test]
    fn versions_and_accounts_cannot_hold_other_headers() {
        assert!(is_version("2026-11-18.endive") && is_version("2019-05-16") && !is_version("2019-05-16\r\nX: y"));
        assert!(is_account("acct_1PgafTB7WZ01zgkW") && !is_account("acct_1\n") && !is_account("ch_123456"));
    }

    #[test]
    fn a_path_asks_for_a_list_or_for_one_object() {
        let asked = |target| Request { target, ..Request::default() }.endpoint();
        let charges = ENTITIES.iter().find(|entity| entity.name == "charges").unwrap();
        assert_eq!(asked("/v1/charges?limit=1"), Some(Endpoint::List(charges)));
        assert_eq!(asked("/v1/charges/ch_1?expand[]=refunds"), Some(Endpoint::Retrieve(charges)));
        for target in ["/v1/charges/", "/v1/charges/ch_1/refund", "/v1/account", "/v1", ""] {
            assert_eq!(asked(target), None, "{target}");
        }
        let coupon = Request { target: "/v1/coupons/25%25+off%2F?x=1", ..Request::default() };
        assert_eq!(coupon.id(by_name("coupons").unwrap()).unwrap(), "25%+off/");
    }
}
