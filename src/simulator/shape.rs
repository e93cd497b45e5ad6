//! Shapes: an object's bytes as Stripe would print them, with places for the parts that differ from object to object.
//!
//! A page of 100 charges is half a megabyte, and clients ask for thousands of them in a second. So nothing is
//! serialised then: an object is a copy of a prepared text, with its id, time and a few numbers written over it.
//!
//! Shapes come from templates; see `template` for their language.

use super::chance::{Stream, below, join, mix, of_name};
use super::identifier::Identifiers;
use super::template::{alternatives, next_directive, parts, pretty, template};
use crate::stripe::entities::{Entity, by_name};

/// Spaces before an element of `data`.
pub(super) const ELEMENT_INDENT: usize = 4;
/// Shapes of one of the default entities; the others need fewer.
const SHAPES_OF_DEFAULTS: u64 = 64;
const SHAPES_OF_OTHERS: u64 = 16;

/// The text that is written over one place of a shape.
#[derive(Debug, Clone)]
enum Fill {
    Id,
    Created { offset: i64 },
    Reference(Identifiers),
    Text { alphabet: &'static [u8; 64], salt: u64 },
    Digits { salt: u64, leading_zero: bool },
}

#[derive(Debug, Clone)]
struct Place {
    at: usize,
    width: usize,
    fill: Fill,
}

/// One prepared text.
#[derive(Debug)]
pub(super) struct Shape {
    text: Vec<u8>,
    places: Vec<Place>,
    /// Whether objects of this shape show when they were created.
    pub(super) dated: bool,
    /// Whether objects of this shape are listed only when the entity's fixed query is sent.
    pub(super) hidden: bool,
}

const ALPHANUMERIC: [u8; 64] = *b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz5K";
const HEXADECIMAL: [u8; 64] = *b"0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF";

impl Shape {
    /// All shapes of an entity.
    pub(super) fn all(seed: u64, entity: &'static Entity) -> Vec<Self> {
        let count = if entity.default { SHAPES_OF_DEFAULTS } else { SHAPES_OF_OTHERS };
        let own = Identifiers::new(seed, entity);
        let seed = join(seed, of_name(entity.name));
        (0..count).map(|number| Self::new(join(seed, number), entity, &own)).collect()
    }

    fn new(seed: u64, entity: &'static Entity, own: &Identifiers) -> Self {
        let mut maker = Maker { entity, chance: Stream::new(seed), draws: Vec::new() };
        let directives = pretty(&maker.resolve(template(entity)), ELEMENT_INDENT);
        let mut shape = Self { text: Vec::new(), places: Vec::new(), dated: false, hidden: false };
        let mut rest = directives.as_str();
        while let Some((before, inside, after)) = next_directive(rest) {
            shape.text.extend_from_slice(before.as_bytes());
            shape.make_room(maker.place(inside, own));
            rest = after;
        }
        shape.text.extend_from_slice(rest.as_bytes());
        let member = |text: &str| {
            let line = format!("\n{}{text}", " ".repeat(ELEMENT_INDENT + 2));
            directives.contains(&line)
        };
        shape.dated = member(&format!("\"{}\": <created>", entity.dated_by()));
        shape.hidden = !entity.fixed_query.is_empty() && member("\"status\": \"canceled\"");
        shape
    }

    fn make_room(&mut self, (width, fill): (usize, Fill)) {
        self.places.push(Place { at: self.text.len(), width, fill });
        self.text.resize(self.text.len() + width, b'0');
    }

    /// Appends the object with that serial and time, as it is in `data`, without the indent of its first line. The ids
    /// in it are those of the account of `identifiers`; `key` is a number that differs from list to list.
    pub(super) fn render(&self, identifiers: &Identifiers, key: u64, serial: u32, created: i64, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.text);
        let object = join(key, u64::from(serial));
        for place in &self.places {
            let bytes = &mut out[start + place.at..start + place.at + place.width];
            match &place.fill {
                Fill::Id => identifiers.write(serial, bytes),
                Fill::Created { offset } => write_digits(created.saturating_add(*offset).unsigned_abs(), bytes),
                Fill::Reference(other) => identifiers.beside(other).write(serial, bytes),
                Fill::Text { alphabet, salt } => write_text(mix(object ^ salt), alphabet, bytes),
                Fill::Digits { salt, leading_zero } => {
                    write_digits(mix(object ^ salt), bytes);
                    if !leading_zero && bytes[0] == b'0' {
                        bytes[0] = b'1';
                    }
                }
            }
        }
    }
}

/// Makes one shape of a template.
struct Maker {
    entity: &'static Entity,
    chance: Stream,
    draws: Vec<(String, u64)>,
}

impl Maker {
    /// The template without the directives that are the same for all objects of the shape.
    fn resolve(&mut self, template: &str) -> String {
        let (mut resolved, mut rest) = (String::with_capacity(template.len()), template);
        while let Some((before, inside, after)) = next_directive(rest) {
            resolved.push_str(before);
            match parts(inside) {
                ("pick", name, argument) => {
                    let choices = alternatives(argument);
                    let choice = below(self.draw(name), choices.len() as u64);
                    let chosen = choices[usize::try_from(choice).unwrap_or_default()];
                    resolved.push_str(&self.resolve(chosen));
                }
                ("repeat", _, argument) => {
                    let (counts, text) = argument.split_once(' ').unwrap_or((argument, ""));
                    let counts = alternatives(counts);
                    let choice = self.chance.below(counts.len() as u64);
                    let times: usize = counts[usize::try_from(choice).unwrap_or_default()].parse().unwrap_or(1);
                    let items: Vec<String> = (0..times).map(|_| self.resolve(text)).collect();
                    resolved.push_str(&items.join(","));
                }
                ("dated", _, argument) if self.entity.time_field.is_some() => {
                    resolved.push_str(&self.resolve(argument));
                }
                ("dated", ..) => {}
                ("object", ..) => resolved.push_str(self.entity.object),
                ("time", ..) => resolved.push_str(self.entity.dated_by()),
                ("path", ..) => resolved.push_str(self.entity.path),
                _ => {
                    resolved.push('<');
                    resolved.push_str(inside);
                    resolved.push('>');
                }
            }
            rest = after;
        }
        resolved.push_str(rest);
        resolved
    }

    /// A random number; the same one for the same name.
    fn draw(&mut self, name: &str) -> u64 {
        if let Some(drawn) = self.draws.iter().find(|draw| draw.0 == name) {
            return drawn.1;
        }
        let drawn = self.chance.next();
        if !name.is_empty() {
            self.draws.push((name.to_owned(), drawn));
        }
        drawn
    }

    fn place(&mut self, directive: &str, own: &Identifiers) -> (usize, Fill) {
        let (word, name, argument) = parts(directive);
        if let Some(offset) = word.strip_prefix("created") {
            return (CREATED_WIDTH, Fill::Created { offset: offset.parse().unwrap_or(0) });
        }
        let width = argument.parse().unwrap_or(1);
        let salt = if name.is_empty() { self.chance.next() } else { of_name(name) };
        match word {
            "token" => (width, Fill::Text { alphabet: &ALPHANUMERIC, salt }),
            "hex" => (width, Fill::Text { alphabet: &HEXADECIMAL, salt }),
            "digits" => (width, Fill::Digits { salt, leading_zero: true }),
            "number" => (width, Fill::Digits { salt, leading_zero: false }),
            "ref" => {
                let identifiers = by_name(argument).map_or_else(|| own.clone(), |entity| own.sibling(entity));
                (identifiers.width(), Fill::Reference(identifiers))
            }
            _ => (own.width(), Fill::Id),
        }
    }
}

/// Digits of a time: all times of the simulator are between the years 2001 and 2286.
const CREATED_WIDTH: usize = 10;

fn write_digits(mut number: u64, place: &mut [u8]) {
    for byte in place.iter_mut().rev() {
        *byte = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
    }
}

fn write_text(mut random: u64, alphabet: &[u8; 64], place: &mut [u8]) {
    // Six bits a character: ten characters of a number, then the next number.
    for characters in place.chunks_mut(10) {
        let mut bits = random;
        for character in characters {
            *character = alphabet[usize::try_from(bits & 63).unwrap_or_default()];
            bits >>= 6;
        }
        random = mix(random);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::stripe::entities::ENTITIES;
    use crate::stripe::window::Window;

    fn rendered(entity: &'static Entity, serial: u32, created: i64) -> Vec<String> {
        let identifiers = Identifiers::new(1, entity);
        let text = |shape: &Shape| {
            let mut out = Vec::new();
            shape.render(&identifiers, 9, serial, created, &mut out);
            String::from_utf8(out).unwrap()
        };
        Shape::all(1, entity).iter().map(text).collect()
    }

    #[test]
    fn every_shape_is_json_with_id_object_and_time() {
        for entity in &ENTITIES {
            for text in rendered(entity, 12, 1_700_000_000) {
                let object: serde_json::Value = serde_json::from_str(&text).expect(&text);
                assert_eq!(object["id"], Identifiers::new(1, entity).id(12), "{text}");
                assert_eq!(object["object"], entity.object);
                let time = object.get(entity.dated_by()).and_then(serde_json::Value::as_i64);
                let may_lack_it = entity.window == Window::Whole;
                assert!(time == Some(1_700_000_000) || may_lack_it, "{text}");
                assert!(entity.time_field.is_some() || object.get("created").is_none(), "{text}");
                assert!(!text.contains(['<', '>']) && !text.contains("  \n"), "{text}");
            }
        }
    }

    #[test]
    fn sizes_are_those_of_live_objects() {
        for (name, bytes) in [
            ("charges", 5_040),
            ("payment_intents", 1_798),
            ("balance_transactions", 530),
            ("refunds", 649),
            ("invoices", 6_139),
        ] {
            let texts = rendered(by_name(name).unwrap(), 5, 1_700_000_000);
            let mean = texts.iter().map(String::len).sum::<usize>() / texts.len();
            assert!((bytes * 8 / 10..=bytes * 14 / 10).contains(&mean), "{name}: {mean} bytes, live ones have {bytes}");
        }
    }

    #[test]
    fn shapes_hold_difficult_text_for_parsers() {
        let texts: Vec<String> = ENTITIES.iter().flat_map(|entity| rendered(entity, 5, 1_700_000_000)).collect();
        let all = texts.concat();
        for piece in [
            "\\u00e9",
            "\\n",
            "\\\"",
            "\\/",
            "\\\\",
            "🍮",
            "9007199254740993",
            "1.10",
            "1e-7",
            ": null",
            "{\n",
            "[\n\n",
        ] {
            assert!(all.contains(piece), "{piece} is nowhere");
        }
        assert!(
            texts.iter().any(|text| !text.trim_start_matches("{\n      ").starts_with("\"id\"")),
            "id is always first"
        );
    }

    #[test]
    fn objects_of_one_shape_differ_and_are_equally_long() {
        let charges = by_name("charges").unwrap();
        let firsts: BTreeSet<String> =
            (0..50).map(|serial| rendered(charges, serial, 1_700_000_000)[0].clone()).collect();
        assert_eq!(firsts.len(), 50);
        assert_eq!(firsts.iter().map(String::len).collect::<BTreeSet<_>>().len(), 1);
    }

    #[test]
    fn some_accounts_have_no_time_and_some_subscriptions_are_hidden() {
        let shapes = Shape::all(1, by_name("accounts").unwrap());
        assert!(shapes.iter().any(|shape| shape.dated) && shapes.iter().any(|shape| !shape.dated));
        let shapes = Shape::all(1, by_name("subscriptions").unwrap());
        assert!(shapes.iter().any(|shape| shape.hidden) && shapes.iter().any(|shape| !shape.hidden));
        assert!(!Shape::all(1, by_name("payment_intents").unwrap()).iter().any(|shape| shape.hidden));
    }
}
