//! A page of charges as Stripe sends it: pretty-printed, two spaces per level, most fields null.

use std::fmt::Write;

/// The body of a list answer with that many charges, about 5 KB each.
pub(crate) fn page(charges: usize) -> Vec<u8> {
    let data: Vec<String> = (0..charges).map(charge).collect();
    let mut page = String::from("{\n  \"object\": \"list\",\n  \"data\": [\n");
    for (number, charge) in data.iter().enumerate() {
        let comma = if number + 1 < charges { "," } else { "" };
        for line in charge.lines() {
            writeln!(page, "    {line}").expect("writing to a string");
        }
        page.truncate(page.trim_end().len());
        page.push_str(comma);
        page.push('\n');
    }
    page.push_str("  ],\n  \"has_more\": true,\n  \"url\": \"/v1/charges\"\n}");
    page.into_bytes()
}

/// One charge; values that differ from one to the next have another length and other bytes, too.
fn charge(number: usize) -> String {
    let scattered = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    include_str!("charge.json")
        .replace("@ID@", &format!("{scattered:016x}LkdIwHu7"))
        .replace("@NUM@", &(scattered % 1_000_003).to_string())
        .replace("@AMOUNT@", &(scattered % 250_000).to_string())
        .replace("@CREATED@", &(1_779_999_999 - 7 * number).to_string())
        .replace("@RISK@", &(scattered % 100).to_string())
}
