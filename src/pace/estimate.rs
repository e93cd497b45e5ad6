//! What a call will ask of Stripe, before it does: requests, and the time that they take.

use super::{Limits, Rates, SMALLEST_ALLOCATION, UNLIMITED};

/// One line about a call for so many accounts and lists. A list of one page is one request, and a longer one takes
/// more. An account without news takes fewer than its lists are.
#[must_use]
pub fn estimate(accounts: u64, lists: u64, limits: Limits) -> String {
    let requests = accounts.saturating_mul(lists);
    let what = format!("{} of {}", counted(lists, "list", "lists"), counted(accounts, "account", "accounts"));
    let each = vec![accounts; usize::try_from(lists).unwrap_or_default()];
    let time = seconds(&each, limits).map_or_else(String::new, |seconds| format!(" ({})", duration(seconds)));
    format!(
        "{what}: {}{time} if each list is one page; longer lists take more, and accounts without news fewer; Stripe \
         allots a platform {} reads in 30 days for all its accounts, or 500 for each transaction if that is more",
        counted(requests, "request", "requests"),
        grouped(SMALLEST_ALLOCATION),
    )
}

/// Seconds that so many requests to each of some lists take at the limits; `None` if nothing limits them.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "an estimate needs no more than 52 bits")]
pub fn seconds(requests: &[u64], limits: Limits) -> Option<f64> {
    let Rates { overall, endpoint } = limits.rates;
    if overall.min(endpoint) >= UNLIMITED.endpoint {
        return None;
    }
    // The lists are read side by side, each at the rate of its endpoint at most.
    let longest = requests.iter().copied().max().unwrap_or_default() as f64 / endpoint;
    let all = requests.iter().fold(0_u64, |sum, requests| sum.saturating_add(*requests)) as f64 / overall;
    Some(longest.max(all))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a positive number of minutes")]
fn duration(seconds: f64) -> String {
    if seconds < 90.0 {
        return counted(seconds.ceil() as u64, "second", "seconds");
    }
    counted((seconds / 60.0).ceil() as u64, "minute", "minutes")
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// The number with a comma before each three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::LIVE;
    use super::*;

    #[test]
    fn the_estimate_names_requests_and_the_time_that_the_limits_leave() {
        let of = |accounts, lists, rates: Rates| estimate(accounts, lists, Limits { rates, at_once: 8 });
        for (accounts, lists, rates, begins) in [
            (5_000, 6, LIVE, "6 lists of 5,000 accounts: 30,000 requests (7 minutes) if each list is one page; longer"),
            (1, 1, LIVE, "1 list of 1 account: 1 request (1 second) if each list is one page; longer"),
            // One list is held by its endpoint's limit.
            (1_000, 1, LIVE, "1 list of 1,000 accounts: 1,000 requests (50 seconds) if each list is one page; longer"),
            (1_000, 5, UNLIMITED, "5 lists of 1,000 accounts: 5,000 requests if each list is one page; longer"),
        ] {
            let line = of(accounts, lists, rates);
            assert!(line.starts_with(begins), "{line}");
            assert!(line.contains("10,000 reads in 30 days"), "{line}");
        }
    }

    #[test]
    fn the_slowest_list_or_all_together_take_the_time() {
        let taken = |requests: &[u64], rates: Rates| seconds(requests, Limits { rates, at_once: 8 });
        assert_eq!(taken(&[200, 20], LIVE), Some(10.0), "one list is held by its endpoint");
        assert_eq!(taken(&[150; 10], LIVE), Some(20.0), "ten are held by the account");
        assert_eq!(taken(&[], LIVE), Some(0.0));
        assert_eq!(taken(&[200], UNLIMITED), None);
    }
}
