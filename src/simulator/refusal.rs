//! Stripe's answer when it does not serve a request: status, headers and error body.

use crate::error::{Error, Result};

/// Longest header value that a fault may set: an answer's head has room for a few of them.
const LONGEST_VALUE: usize = 64;

/// One refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
    /// Headers that only this refusal has.
    pub(super) headers: Vec<(&'static str, String)>,
}

impl Refusal {
    fn new(status: u16, kind: &'static str, code: Option<&'static str>, message: impl Into<String>) -> Self {
        Self { status, kind, code, message: message.into(), param: None, headers: Vec::new() }
    }

    fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// 400: a parameter that cannot be used.
    pub(super) fn parameter(code: &'static str, param: &str, message: impl Into<String>) -> Self {
        let refusal = Self::new(400, "invalid_request_error", Some(code), message);
        Self { param: Some(param.to_owned()), ..refusal }.with_header("Stripe-Should-Retry", "false")
    }

    /// 400: the cursor is not an object of the list, or no longer one.
    pub(super) fn no_such_object(object: &str, id: &str, param: &str) -> Self {
        Self::parameter("resource_missing", param, format!("No such {object}: '{id}'"))
    }

    /// 404: the path names no object, or no longer one.
    pub(super) fn missing(object: &str, id: &str) -> Self {
        Self::no_such_object(object, id, "id").answered_with(404)
    }

    /// 400: the cursor is an event that Stripe no longer keeps.
    pub(super) fn aged_out(id: &str, param: &str) -> Self {
        let message = format!("The event '{id}' is no longer available because it's aged out of our retention policy.");
        Self::parameter("resource_missing", param, message)
    }

    /// 404: the path names an event that Stripe no longer keeps.
    pub(super) fn aged_out_of_path(id: &str) -> Self {
        Self::aged_out(id, "id").answered_with(404)
    }

    /// 400: something other than a parameter.
    pub(super) fn request(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", None, message).with_header("Stripe-Should-Retry", "false")
    }

    /// 401: no key.
    pub(super) fn no_key() -> Self {
        Self::unauthorized(
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer \
             auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for \
             details, or we can help at https://support.stripe.com/.",
        )
    }

    /// 401: a key that Stripe does not know.
    pub(super) fn unknown_key(key: &str) -> Self {
        Self::unauthorized(&format!("Invalid API Key provided: {}", masked(key)))
    }

    fn unauthorized(message: &str) -> Self {
        Self::new(401, "invalid_request_error", None, message)
            .with_header("WWW-Authenticate", "Basic realm=\"Stripe\"")
            .with_header("Stripe-Should-Retry", "false")
    }

    /// 403: the key lacks the permission to read these objects.
    pub(super) fn denied(key: &str, account: &str, object: &str) -> Self {
        let permission = format!("rak_{}_read", object.replace('.', "_"));
        let message = format!(
            "The provided key '{}' does not have the required permissions for this endpoint on account '{account}'. \
             Having the '{permission}' permission would allow this request to continue.",
            masked(key)
        );
        Self::new(403, "invalid_request_error", None, message).with_header("Stripe-Should-Retry", "false")
    }

    /// 403: `Stripe-Account` does not name an account that the key may use.
    pub(super) fn foreign_account(key: &str, account: &str) -> Self {
        let message = format!(
            "The provided key '{}' does not have access to account '{account}' (or that account does not exist). \
             Application access may have been revoked.",
            masked(key)
        );
        Self::new(403, "invalid_request_error", Some("account_invalid"), message)
            .with_header("Stripe-Should-Retry", "false")
    }

    /// 400: the key is an organization's, and the request lacks that header.
    pub(super) fn organization(header: &str) -> Self {
        Self::request(match header {
            "Stripe-Context" => {
                "Please include the Stripe-Context header with your target account when using an Organization API key."
            }
            _ => "Please include the Stripe-Version header when using an Organization API key.",
        })
    }

    /// 400 or 404: the account does not have the product.
    pub(super) fn product_off(product: &str, path: &str) -> Self {
        if product == "Treasury" {
            return Self::unknown_url("GET", path);
        }
        Self::request(format!(
            "Your account is not set up to use {product}. Please visit https://dashboard.stripe.com to get started."
        ))
    }

    /// 404: no such endpoint.
    pub(super) fn unknown_url(method: &str, path: &str) -> Self {
        let message = format!(
            "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs or we can help at \
             https://support.stripe.com/."
        );
        Self::new(404, "invalid_request_error", None, message).with_header("Stripe-Should-Retry", "false")
    }

    /// 429: too many requests. Stripe leaves the decision to retry to the client, and documents no `Retry-After`.
    pub(super) fn rate_limited(reason: &str, retry_after: Option<u64>) -> Self {
        let message = "Request rate limit exceeded. You can learn more about rate limits here \
                       https://stripe.com/docs/rate-limits.";
        let refusal = Self::new(429, "invalid_request_error", Some("rate_limit"), message)
            .with_header("Stripe-Rate-Limited-Reason", reason);
        match retry_after {
            Some(seconds) => refusal.with_header("Retry-After", seconds.to_string()),
            None => refusal,
        }
    }

    /// 200, although it is an error: a proxy that is configured to hide errors sends this.
    pub(super) fn error_body() -> Self {
        Self { headers: Vec::new(), ..Self::of_status(500) }.answered_with(200)
    }

    /// An answer that a fault asks for, by its status.
    pub(super) fn of_status(status: u16) -> Self {
        match status {
            401 => Self::unknown_key("sk_test_0000"),
            403 => Self::denied("sk_test_0000", "acct_0000", "charge"),
            404 => Self::unknown_url("GET", "/v1/gone"),
            409 => Self::new(
                409,
                "invalid_request_error",
                None,
                "There is currently another in-progress request that conflicts with this one.",
            )
            .with_header("Stripe-Should-Retry", "true"),
            429 => Self::rate_limited("global-rate", None),
            424 => Self::new(424, "api_error", None, "An external dependency failed.")
                .with_header("Stripe-Should-Retry", "true"),
            300..=399 => Self::new(status, "api_error", None, "Moved.").with_header("Location", "/v1/account"),
            400..=499 => Self::request("The simulator was asked to refuse this request."),
            _ => Self::new(
                status,
                "api_error",
                None,
                "Sorry! There was an error while talking to Stripe. Please let us know at support@stripe.com.",
            )
            .with_header("Stripe-Should-Retry", "true"),
        }
        .answered_with(status)
    }

    const fn answered_with(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Changes one value, as a fault's `/name=value` says.
    pub(super) fn modify(mut self, name: &str, value: &str) -> Result<Self> {
        let header = match name {
            "reason" => "Stripe-Rate-Limited-Reason",
            "retry-after" => "Retry-After",
            "should-retry" => "Stripe-Should-Retry",
            _ => return Err(Error::usage(format!("'{name}' is not reason, retry-after or should-retry"))),
        };
        if !(1..=LONGEST_VALUE).contains(&value.len()) || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::usage(format!("'{name}' needs a value of 1 to {LONGEST_VALUE} plain characters")));
        }
        self.headers.retain(|other| other.0 != header);
        if value != "none" {
            return Ok(self.with_header(header, value));
        }
        if name == "reason" {
            // A 429 without a reason means that another request holds the object.
            self.code = Some("lock_timeout");
            "This object cannot be accessed right now because another API request or Stripe process is currently \
             accessing it. If you see this error intermittently, retry the request."
                .clone_into(&mut self.message);
        }
        Ok(self)
    }

    /// The body, as Stripe prints it.
    pub(super) fn body(&self, request_id: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut members = Vec::new();
        if let Some(code) = self.code {
            let page = code.replace('_', "-");
            members.push(format!("\"code\": \"{code}\""));
            members.push(format!("\"doc_url\": \"https://stripe.com/docs/error-codes/{page}\""));
        }
        members.push(format!("\"message\": {}", quoted(&self.message)));
        members.extend(self.param.as_ref().map(|param| format!("\"param\": {}", quoted(param))));
        members.push(format!("\"request_log_url\": \"https://dashboard.stripe.com/test/logs/{request_id}\""));
        members.push(format!("\"type\": \"{}\"", self.kind));
        format!("{{\n  \"error\": {{\n    {}\n  }}\n}}\n", members.join(",\n    "))
    }
}

/// A key as Stripe shows it: its kind only.
fn masked(key: &str) -> String {
    let kind = key.match_indices('_').nth(1).map_or("", |(at, _)| &key[..=at]);
    format!("{kind}***")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_json_with_type_code_and_param() {
        let refusal = Refusal::no_such_object("charge", "ch_\"x\n", "starting_after");
        let body: serde_json::Value = serde_json::from_str(&refusal.body("req_1")).unwrap();
        let error = &body["error"];
        assert_eq!((refusal.status, error["code"].as_str()), (400, Some("resource_missing")));
        assert_eq!(error["message"], "No such charge: 'ch_\"x\n'");
        assert_eq!(
            (error["param"].as_str(), error["type"].as_str()),
            (Some("starting_after"), Some("invalid_request_error"))
        );
    }

    #[test]
    fn no_refusal_shows_the_key() {
        let body = Refusal::denied("rk_test_secret", "acct_1", "issuing.card").body("req_1");
        assert!(body.contains("'rk_test_***'") && body.contains("'rak_issuing_card_read'"), "{body}");
        assert!(!Refusal::unknown_key("nonsense").body("req_1").contains("nonsense"));
    }

    #[test]
    fn a_429_without_reason_is_a_lock_timeout() {
        let refusal = Refusal::of_status(429).modify("reason", "none").unwrap();
        assert!(refusal.headers.is_empty() && refusal.body("req_1").contains("lock_timeout"));
        assert!(Refusal::of_status(429).modify("colour", "red").is_err());
        assert!(Refusal::of_status(429).modify("reason", &"x".repeat(65)).is_err());
    }
}
