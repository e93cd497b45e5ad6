//! The cost of slicing a page, beside the costs that cannot be avoided: hashing its compact bytes, and copying it.
//! Throughput counts the bytes of the body as sent, in every row, so that the rows can be compared.

mod charges;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use sha2::{Digest, Sha256};
use stripe_raw_rs::{page, stripe::entities};

fn main() {
    divan::main();
}

fn body_and_page() -> (Vec<u8>, page::Page) {
    let body = charges::page(100);
    let page = page::decode(&body, entities::by_name("charges").expect("an entity")).expect("a page");
    (body, page)
}

#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let body = charges::page(100);
    let entity = entities::by_name("charges").expect("an entity");
    let mut decoder = page::Decoder::default();
    bencher.counter(BytesCount::new(body.len())).bench_local(|| decoder.decode(black_box(&body), entity, 100));
}

/// The floor: SHA-256 over each object's compact text.
#[divan::bench]
fn sha256_alone(bencher: Bencher<'_, '_>) {
    let (body, page) = body_and_page();
    bencher.counter(BytesCount::new(body.len())).bench_local(|| {
        let page = black_box(&page);
        page.rows().map(|row| Sha256::digest(row.json)[0]).fold(0, |all, one| all ^ one)
    });
}

#[divan::bench]
fn copy_alone(bencher: Bencher<'_, '_>) {
    let body = charges::page(100);
    bencher.counter(BytesCount::new(body.len())).bench_local(|| black_box(&body).clone());
}
