//! How the machine takes objects whose times are out of order, or outside the range that was asked for: Stripe decides
//! which objects are in a list, and the objects do not.

use stripe_raw_rs::checkpoint::Circumstances;
use stripe_raw_rs::walk::Effect;

use crate::odd::{charge, list, reader, rows};
use crate::reader::{Reader, TODAY, attempt};

#[test]
fn a_single_object_out_of_its_place_lands_without_its_time() {
    for odd in [-999, 900] {
        let mut reader = reader(6);
        let page = [charge("ch_6", 1), charge("ch_5", 2), charge("ch_odd", odd), charge("ch_4", 3), charge("ch_3", 4)];
        assert_eq!(reader.take(&list(&page, false)).1, Effect::Page);
        let rows = rows(&mut reader);
        assert_eq!((rows[2].clone(), rows.len()), (("ch_odd".to_owned(), None), 5));
        assert_eq!(reader.run.progress().newest, Some(TODAY - 1));
    }
}

#[test]
fn an_object_out_of_its_place_at_the_end_of_a_page_is_judged_by_the_objects_that_follow() {
    let page = |first: i64| (first..first + 7).map(|age| charge(&format!("ch_{age}"), age)).collect::<Vec<_>>();
    for odd in [1_000_000, TODAY - 5] {
        let mut reader = reader(8);
        reader.take(&list(&[&page(0)[..], &[charge("ch_odd", odd)]].concat(), true));
        let (query, _) = reader.take(&list(&[&[charge("ch_odd", odd)], &page(7)[..]].concat(), true));
        assert_eq!(query, "limit=8&starting_after=ch_6");
        reader.take(&list(&page(14), false));
        let rows = rows(&mut reader);
        assert_eq!(rows.iter().find(|row| row.1.is_none()).map(|row| row.0.as_str()), Some("ch_odd"));
        assert_eq!((rows.len(), reader.run.has_read_all()), (22, true));
    }
}

#[test]
fn stripe_ends_a_part_and_an_object_that_claims_to_lie_below_it_does_not() {
    let far = 1_000_000;
    for below in 1..8 {
        let mut reader = reader(8);
        let objects = |first: i64, count: i64| {
            (first..first + count).map(|number| charge(&format!("ch_{number}"), number * far)).collect::<Vec<_>>()
        };
        reader.take(&list(&objects(1, 8), true));
        let ((newer, _), (_, query)) = (reader.ask(), reader.ask());
        let border = TODAY - query.split("created[lt]=").nth(1).unwrap().parse::<i64>().unwrap();
        let end: Vec<_> = (1..=below).map(|number| charge(&format!("ch_end_{number}"), border + number)).collect();
        reader.hand(newer, &list(&[&objects(9, 8 - below)[..], &end].concat(), true));
        // The next answer shows whether they are below the border or only say so: its request goes down to the border,
        // and it has none below.
        let rest = [charge("ch_odd", border + 1)];
        let (query, taken) = reader.take(&list(&rest, false));
        let bottom = TODAY - border;
        assert_eq!(query, format!("limit=8&created[gte]={bottom}&starting_after=ch_{}", 16 - below));
        assert_eq!(taken, Effect::Page);
        assert_eq!((reader.run.progress().rows, reader.run.progress().undated), (17 - below.unsigned_abs(), 1));
        assert!(reader.idle_slot().is_none_or(|(_, query)| query.contains("created[lt]")), "the newer part is read");
    }
}

#[test]
fn an_object_that_says_it_lies_below_the_range_asked_for_lands_without_a_time() {
    for objects in [vec![charge("ch_odd", 99)], vec![charge("ch_9", 1), charge("ch_odd", 99)]] {
        let mut reader = Reader::begun(&Circumstances { start: Some(TODAY - 9), ..attempt() }).0;
        reader.take(&list(&objects, false));
        assert_eq!((reader.run.progress().rows, reader.run.progress().undated), (objects.len() as u64, 1));
        if objects.len() == 2 {
            reader.take(&list(&[], false));
        }
        assert!(reader.run.has_read_all());
    }
}

#[test]
fn an_object_out_of_its_place_that_may_have_been_read_before_is_named_and_does_not_land() {
    let mut reader = reader(4);
    reader.take(&list(&[charge("ch_8", 1), charge("ch_7", 1), charge("ch_6", 2), charge("ch_5", 2)], true));
    reader.take(&list(&[charge("ch_4", 2), charge("ch_3", 2), charge("ch_2", 2), charge("ch_1", 2)], true));
    reader.take(&list(&[charge("ch_8", 1), charge("ch_6", 2), charge("ch_5", 2), charge("ch_0", 3)], true));
    assert_eq!((reader.run.progress().rows, reader.run.progress().refused), (9, 1));
    let said = "object 1 (ch_8) of page 3 cannot be a row and did not land: it is newer than the objects before it";
    reader.take(&list(&[charge("ch_00", 4)], false));
    assert!(reader.run.has_read_all(), "the list goes on");
    assert_eq!(rows(&mut reader).len(), 10);
    assert!(reader.run.refusal().unwrap().message.contains(said), "{:?}", reader.run.refusal());
}

#[test]
fn a_page_of_objects_that_were_read_before_ends_the_run() {
    let mut reader = reader(4);
    let first = list(&[charge("ch_8", 1), charge("ch_7", 1), charge("ch_6", 2), charge("ch_5", 2)], true);
    reader.take(&first);
    reader.take(&list(&[charge("ch_4", 3), charge("ch_3", 3), charge("ch_2", 3), charge("ch_1", 3)], true));
    reader.take(&first);
    assert!(reader.error().message.contains("not newest first"), "{:?}", reader.error());
}
