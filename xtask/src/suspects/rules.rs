//! When a declaration is suspicious: rules over a property's name and over what models declare it as.

use std::collections::BTreeSet;

use super::declarations::{Kind, Property};

/// A reason to suspect, and how to find it.
pub(super) struct Rule {
    pub(super) why: &'static str,
    /// Whether models that only clients send count.
    pub(super) also_sent: bool,
    /// Whether properties about which all models agree are listed closely, several a line.
    pub(super) packed: bool,
    /// The kinds of declaration that contradict the property's name or one another; none if all is well.
    pub(super) kinds: fn(&Property<'_>) -> Vec<Kind>,
}

impl Rule {
    const fn of_received(why: &'static str, kinds: fn(&Property<'_>) -> Vec<Kind>) -> Self {
        Self { why, also_sent: false, packed: false, kinds }
    }

    const fn of_all(why: &'static str, kinds: fn(&Property<'_>) -> Vec<Kind>) -> Self {
        Self { why, also_sent: true, packed: false, kinds }
    }

    const fn packed(self) -> Self {
        Self { packed: true, ..self }
    }
}

/// The rules, the likeliest errors first.
pub(super) const RULES: [Rule; 12] = [
    Rule::of_all("Named as a text, declared as something else", no_text),
    Rule::of_all("Named as a UUID or a URL, declared as something else", no_reference),
    Rule::of_all("Named as a yes or no, declared as something else", no_flag),
    Rule::of_received("An object without any field: the generator drops all that it holds", empty),
    Rule::of_received("A value in some models, a list or an object in others", one_or_many),
    Rule::of_received("A number whose type depends on the model", whole_or_not),
    Rule::of_received("A boolean in some models, another value in others", boolean_or_not),
    Rule::of_received("A UUID in some models, any text in others", uuid_or_text),
    Rule::of_received("A URL in some models, any text in others", url_or_text),
    Rule::of_received("An enum of numbers, named as a text", numbers_for_words),
    Rule::of_received("Named as a day or a moment, declared as something else", day_or_moment).packed(),
    Rule::of_received("An amount that can only be whole in every model", whole_amount),
];

/// `*_name`, `*_title` and their like are texts. Flags such as `expose_email` are left alone.
fn no_text(property: &Property<'_>) -> Vec<Kind> {
    const TEXTS: [&str; 13] = [
        "abbreviation",
        "comment",
        "description",
        "email",
        "label",
        "message",
        "name",
        "note",
        "phone",
        "slug",
        "text",
        "title",
        "username",
    ];
    if !property.ends_with(&TEXTS) {
        return vec![];
    }
    property.only(|kind| match kind {
        Kind::Text | Kind::Any | Kind::Boolean => false,
        // `comment` alone can be the comment that is commented on.
        Kind::Object | Kind::Map(_) | Kind::Empty | Kind::List(_) => property.name.contains('_'),
        _ => true,
    })
}

/// `*_uuid` is a UUID, or a text where it can be blank; `*_url` is a URL or a text.
fn no_reference(property: &Property<'_>) -> Vec<Kind> {
    if property.ends_with(&["uuid"]) {
        property.only(|kind| !matches!(kind, Kind::Text | Kind::Uuid | Kind::Any))
    } else if property.ends_with(&["url", "uri", "link"]) {
        property.only(|kind| !matches!(kind, Kind::Text | Kind::Url | Kind::Any | Kind::Boolean))
    } else {
        vec![]
    }
}

/// `is_*` and its like are booleans.
fn no_flag(property: &Property<'_>) -> Vec<Kind> {
    if !["is_", "has_", "can_"].iter().any(|start| property.name.starts_with(start)) {
        return vec![];
    }
    property.only(|kind| !matches!(kind, Kind::Boolean | Kind::Any))
}

/// An object has `properties` or `additionalProperties`. Without either, the generator takes it for an object
/// that is always empty.
fn empty(property: &Property<'_>) -> Vec<Kind> {
    property.only(|kind| *kind.leaf() == Kind::Empty)
}

/// A property is a value, a list or an object in all models. A count in one model and what is counted in
/// another is usual, as is a name in one and the whole object in another, so these must have much else in
/// common. A UUID or a URL in place of an object is usual too.
fn one_or_many(property: &Property<'_>) -> Vec<Kind> {
    let kinds = property.only(|kind| *kind != Kind::Any);
    let any = |f: fn(&Kind) -> bool| kinds.iter().any(f);
    let many = any(Kind::is_list) || any(Kind::is_object);
    let loose = any(Kind::is_list) || any(|kind| matches!(kind, Kind::Map(_) | Kind::Empty));
    let text = any(|kind| matches!(kind, Kind::Text | Kind::Date | Kind::DateTime));
    let number = any(|kind| matches!(kind, Kind::Integer | Kind::Decimal | Kind::Boolean));
    let disagree = many && (text || number) || any(Kind::is_list) && any(Kind::is_object);
    let suspicious = loose && text || disagree && property.related(&kinds);
    if suspicious { kinds } else { vec![] }
}

/// A number has one type in all models, also within maps and lists.
fn whole_or_not(property: &Property<'_>) -> Vec<Kind> {
    // A text is a number where the name is that of an amount.
    let amount = property.ends_with(&AMOUNTS);
    let kinds = property.only(|kind| match kind.leaf() {
        Kind::Integer | Kind::Decimal => true,
        Kind::Text => amount,
        _ => false,
    });
    let leaves: BTreeSet<&Kind> = kinds.iter().map(Kind::leaf).collect();
    if leaves.len() > 1 { kinds } else { vec![] }
}

/// A boolean is one in all models.
fn boolean_or_not(property: &Property<'_>) -> Vec<Kind> {
    let kinds = property.only(Kind::is_value);
    if kinds.contains(&Kind::Boolean) && kinds.len() > 1 { kinds } else { vec![] }
}

/// A UUID is one in all models. `*_uuid` is one even where it is declared as a text.
fn uuid_or_text(property: &Property<'_>) -> Vec<Kind> {
    let kinds = property.only(Kind::is_value);
    let both = kinds.contains(&Kind::Uuid) && kinds.contains(&Kind::Text);
    if both && !property.ends_with(&["uuid"]) { kinds } else { vec![] }
}

/// `*_url` is a URL in all models. Upstream's generator says "text" where it can't tell.
fn url_or_text(property: &Property<'_>) -> Vec<Kind> {
    let kinds = property.only(|kind| matches!(kind, Kind::Url | Kind::Text));
    if kinds.len() == 2 && property.name.contains('_') && property.ends_with(&["url", "uri", "link"]) {
        kinds
    } else {
        vec![]
    }
}

/// What other models declare as words, or what servers usually say in words, is no enum of numbers.
fn numbers_for_words(property: &Property<'_>) -> Vec<Kind> {
    const WORDS: [&str; 8] = ["category", "gender", "kind", "level", "period", "state", "status", "type"];
    let kinds = property.only(|kind| matches!(kind, Kind::Numbers | Kind::Text));
    let suspicious = kinds.contains(&Kind::Numbers) && (kinds.len() > 1 || property.ends_with(&WORDS));
    if suspicious { kinds } else { vec![] }
}

/// `*_date` has no time of day, `*_at` has one.
fn day_or_moment(property: &Property<'_>) -> Vec<Kind> {
    let right = if property.ends_with(&["date"]) {
        Kind::Date
    } else if property.ends_with(&["at"]) {
        Kind::DateTime
    } else {
        return vec![];
    };
    let wrong =
        property.only(|kind| *kind != right && !matches!(kind, Kind::Text | Kind::Any | Kind::Boolean));
    if wrong.is_empty() {
        return wrong;
    }
    property.only(|kind| *kind == right || wrong.contains(kind))
}

const AMOUNTS: [&str; 8] = ["amount", "cost", "credit", "limit", "price", "quota", "total", "usage"];

/// Amounts can have fractions. The total of several things, such as `resources_total`, is a count.
fn whole_amount(property: &Property<'_>) -> Vec<Kind> {
    let counts = property.name.strip_suffix("_total").is_some_and(|things| things.ends_with('s'));
    if !property.ends_with(&AMOUNTS) || counts || !whole_or_not(property).is_empty() {
        return vec![];
    }
    property.only(|kind| *kind.leaf() == Kind::Integer)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::declarations::{Declarations, Property};
    use super::{Kind, RULES};

    /// What `rule` finds in models that are received, as `property: kind, kind`.
    fn found(rule: fn(&Property<'_>) -> Vec<Kind>, models: Value) -> Vec<String> {
        let document = super::super::tests::document(models);
        let declarations = Declarations::of(&document);
        let found = declarations.properties(false).filter_map(|property| {
            let kinds: Vec<String> = rule(&property).iter().map(Kind::to_string).collect();
            (!kinds.is_empty()).then(|| format!("{}: {}", property.name, kinds.join(", ")))
        });
        found.collect()
    }

    fn text(format: &str) -> Value {
        json!({"type": "string", "format": format})
    }

    #[test]
    fn each_rule_finds_what_it_is_for_and_nothing_else() {
        let (string, integer, number, boolean) = (
            json!({"type": "string"}),
            json!({"type": "integer"}),
            json!({"type": "number"}),
            json!({"type": "boolean"}),
        );
        let list = json!({"type": "array", "items": string});
        let object = json!({"type": "object", "properties": {"x": string}});
        let map = |values: &Value| json!({"type": "object", "additionalProperties": values});
        type Kinds = fn(&Property<'_>) -> Vec<Kind>;
        let cases: [(Kinds, Value, &[&str]); 12] = [
            (
                super::no_text,
                json!({
                    "A": {"scope_name": text("uuid"), "job_title": integer, "user_comment": object},
                    "B": {"full_name": string, "expose_email": boolean, "comment": object, "names": list},
                }),
                &["job_title: integer", "scope_name: uuid", "user_comment: object"],
            ),
            (
                super::no_reference,
                json!({
                    "A": {"plan_uuid": integer, "home_url": text("uuid"), "access_url": list},
                    "B": {"uuid": text("uuid"), "order_uuid": string, "url": text("uri"), "show_link": boolean},
                }),
                &["access_url: list of text", "home_url: uuid", "plan_uuid: integer"],
            ),
            (
                super::no_flag,
                json!({"A": {"is_active": string, "can_submit": object}, "B": {"has_x": boolean, "island": string}}),
                &["can_submit: object", "is_active: text"],
            ),
            (
                super::empty,
                json!({
                    "A": {"x": {"type": "object"}, "y": {"type": "array", "items": {"type": "object"}}},
                    "B": {"m": map(&json!({})), "any": {}, "o": object},
                }),
                &["x: object without fields", "y: list of object without fields"],
            ),
            (
                super::one_or_many,
                json!({
                    "A": {"address": string, "order": integer},
                    "B": {"address": list, "order": list},
                    "C": {"pools": object, "role": text("uuid"), "data": string, "details": string},
                    "D": {"pools": list, "role": object, "data": map(&json!({}))},
                    "E": {"details": object},
                }),
                &["address: text, list of text", "data: text, map of any"],
            ),
            (
                super::whole_or_not,
                json!({
                    "A": {"limits": map(&integer), "usage": integer, "price": string, "id": integer},
                    "B": {"limits": map(&number), "usage": text("decimal"), "price": number, "id": string},
                }),
                &[
                    "limits: map of integer, map of decimal",
                    "price: text, decimal",
                    "usage: integer, decimal",
                ],
            ),
            (
                super::boolean_or_not,
                json!({"A": {"disk": boolean, "on": boolean}, "B": {"disk": integer, "on": boolean}}),
                &["disk: integer, boolean"],
            ),
            (
                super::uuid_or_text,
                json!({
                    "A": {"role": text("uuid"), "user_uuid": text("uuid"), "plan": text("uuid")},
                    "B": {"role": string, "user_uuid": string, "plan": text("uri")},
                }),
                &["role: text, uuid"],
            ),
            (
                super::url_or_text,
                json!({
                    "A": {"access_url": string, "url": string, "scope": string, "home_url": string},
                    "B": {"access_url": text("uri"), "url": text("uri"), "scope": text("uri"), "home_url": string},
                }),
                &["access_url: text, url"],
            ),
            (
                super::numbers_for_words,
                json!({
                    "A": {"state": {"type": "integer", "enum": [1, 2]}, "size": {"enum": [1, 2]}},
                    "B": {"impact": {"enum": [1, null]}, "kind": {"type": "string", "enum": ["a"]}},
                    "C": {"impact": string},
                }),
                &["impact: text, enum of numbers", "state: enum of numbers"],
            ),
            (
                super::day_or_moment,
                json!({
                    "A": {"end_date": text("date-time"), "sent_at": text("date"), "new_date": map(&text("date"))},
                    "B": {"end_date": text("date"), "due_date": text("date"), "seen_at": text("date-time")},
                    "C": {"expose_birth_date": boolean, "paid_date": string, "start": text("date")},
                }),
                &["end_date: date, date-time", "new_date: map of date", "sent_at: date"],
            ),
            (
                super::whole_amount,
                json!({
                    "A": {"cpu_usage": integer, "resources_total": integer, "price": integer, "cost": number},
                    "B": {"cpu_usage": integer, "limits": map(&integer), "price": number, "count": integer},
                }),
                &["cpu_usage: integer"],
            ),
        ];
        assert_eq!(cases.len(), RULES.len(), "a case for each rule");
        for (index, (rule, models, expected)) in cases.into_iter().enumerate() {
            assert!(std::ptr::fn_addr_eq(rule, RULES[index].kinds), "case {index} is of another rule");
            assert_eq!(found(rule, models), expected, "{}", RULES[index].why);
        }
    }

    #[test]
    fn counts_are_suspicious_only_between_models_that_have_much_in_common() {
        let model = |extra: Value| {
            let mut model =
                json!({"a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}});
            model["paused"] = extra;
            model
        };
        let (count, list) = (json!({"type": "integer"}), json!({"type": "array", "items": {}}));
        let related = json!({"A": model(count.clone()), "B": model(list.clone())});
        assert_eq!(found(super::one_or_many, related), ["paused: integer, list of any"]);
        let unrelated = json!({"A": model(count), "B": {"paused": list, "a": {}, "b": {}}});
        assert!(found(super::one_or_many, unrelated).is_empty());
    }
}
