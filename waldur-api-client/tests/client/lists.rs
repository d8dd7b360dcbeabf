//! Lists are read to their end, whatever a server makes of its pages, or it is said how far it went.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde::Deserialize;
use waldur_api_client::types::OrderState;
use waldur_api_client::{
    BoxError, Client, Error, ListExt as _, Operation, PageToken, RetrieveExt as _, Transport, Uuid,
};
use waldur_sandbox::{Actor, Fault, OrderState as State, Sandbox};

/// A list of `items` orders, and how its server pages it.
#[derive(Debug)]
struct Server {
    items: Mutex<Vec<u128>>,
    counts: bool,
    links: bool,
    /// What links begin with.
    link_base: &'static str,
    /// The most items of a page.
    cap: usize,
    ignores_page: bool,
    /// What the count is off by.
    count_off: i64,
    /// Where the link of this page leads instead.
    loops: Option<(usize, usize)>,
    /// How many items are gone, from the beginning, after this page was asked for the first time.
    removes: Option<(usize, usize)>,
    /// Pages that fail, and how: a status.
    fails: Option<(usize, u16)>,
    heads: bool,
    /// The length of what each item has before and after its uuid.
    around: usize,
    asked: Mutex<Vec<String>>,
    under_way: Mutex<(usize, usize)>,
}

fn server(items: usize) -> Server {
    Server {
        items: Mutex::new((1..=items as u128).collect()),
        counts: true,
        links: true,
        link_base: "http://waldur.test/api/marketplace-orders/",
        cap: 300,
        ignores_page: false,
        count_off: 0,
        loops: None,
        removes: None,
        fails: None,
        heads: true,
        around: 0,
        asked: Mutex::default(),
        under_way: Mutex::default(),
    }
}

impl Server {
    fn answer(&self, request: &reqwest::Request) -> http::Response<String> {
        let query: HashMap<String, String> = request.url().query_pairs().into_owned().collect();
        self.asked.lock().unwrap().push(request.url().as_str()["http://waldur.test".len()..].to_owned());
        assert_eq!(request.url().host_str(), Some("waldur.test"));
        let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
        let page = if self.ignores_page { 1 } else { number("page").unwrap_or(1) };
        let size = number("page_size").unwrap_or(10).min(self.cap);
        let items = self.items.lock().unwrap().clone();
        let count = (items.len() as i64 + self.count_off).to_string();
        let mut answer = http::Response::builder();
        if self.counts {
            answer = answer.header("x-result-count", count);
        }
        if request.method() == "HEAD" {
            return answer.status(if self.heads { 200 } else { 405 }).body(String::new()).unwrap();
        }
        let first = (page - 1) * size;
        if first > 0 && first >= items.len() {
            return answer.status(404).body(r#"{"detail":"Invalid page."}"#.to_owned()).unwrap();
        }
        if let Some((failing, status)) = self.fails
            && failing == page
        {
            return answer.status(status).body("<html>".to_owned()).unwrap();
        }
        let last = (first + size).min(items.len());
        if self.links {
            let next = match self.loops {
                Some((from, to)) if from == page => Some(to),
                _ => (last < items.len()).then_some(page + 1),
            };
            let next = next
                .map(|next| format!(r#", <{}?page={next}&page_size={size}>; rel="next""#, self.link_base));
            let link = format!(r#"<{}>; rel="first"{}"#, self.link_base, next.unwrap_or_default());
            answer = answer.header("link", link);
        }
        if let Some((after, gone)) = self.removes
            && after == page
            && self.asked.lock().unwrap().len() == page
        {
            self.items.lock().unwrap().drain(..gone);
        }
        let text = "x".repeat(self.around);
        let rows: Vec<String> = items[first..last]
            .iter()
            .map(|item| format!(r#"{{"a":"{text}","uuid":"{item:032x}","state":"done","z":"{text}"}}"#))
            .collect();
        answer.body(format!("[{}]", rows.join(","))).unwrap()
    }
}

impl Transport for Server {
    fn execute(
        &self,
        request: reqwest::Request,
        _operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        Box::pin(async move {
            {
                let mut under_way = self.under_way.lock().unwrap();
                under_way.0 += 1;
                under_way.1 = under_way.1.max(under_way.0);
            }
            // Others get their turn.
            tokio::task::yield_now().await;
            let answer = self.answer(&request);
            self.under_way.lock().unwrap().0 -= 1;
            Ok(answer.into())
        })
    }
}

fn client_of(server: Server) -> (Client, Arc<Server>) {
    let server = Arc::new(server);
    let client = Client::builder().url("http://waldur.test").token("0123").transport(server.clone());
    (client.build().unwrap(), server)
}

/// Returns a client for a sandbox, with the provider's token.
fn client(sandbox: &Sandbox) -> Client {
    Client::builder().url(sandbox.url()).token(sandbox.token(Actor::Provider)).build().unwrap()
}

#[derive(Debug, Deserialize)]
struct Row {
    uuid: Uuid,
}

fn numbers(rows: &[Row]) -> Vec<u128> {
    rows.iter().map(|row| row.uuid.as_u128()).collect()
}

async fn all(server: Server) -> (Result<Vec<u128>, Error>, usize) {
    let (client, server) = client_of(server);
    let rows = client.marketplace_orders_list().select::<Row>().all().await;
    let asked = server.asked.lock().unwrap().len();
    (rows.map(|rows| numbers(&rows)), asked)
}

#[tokio::test]
async fn every_way_of_paging_gives_the_whole_list_once() {
    for items in [0_usize, 1, 299, 300, 301, 600, 650] {
        let whole: Vec<u128> = (1..=items as u128).collect();
        let pages = items.div_ceil(300).max(1);
        for (name, server, asked) in [
            ("count and links", server(items), pages),
            ("links only", Server { counts: false, ..server(items) }, pages),
            ("count only", Server { links: false, ..server(items) }, pages),
            ("another host", Server { link_base: "https://evil.test/x/", ..server(items) }, pages),
            ("a count that is too small", Server { count_off: -(items as i64 / 2), ..server(items) }, pages),
            (
                "smaller pages than asked for",
                Server { cap: 100, ..server(items) },
                items.div_ceil(100).max(1),
            ),
            (
                "smaller pages, count only",
                Server { cap: 100, links: false, ..server(items) },
                items.div_ceil(100).max(1),
            ),
        ] {
            let (rows, requests) = all(server).await;
            assert_eq!(rows.unwrap(), whole, "{name}, {items}");
            assert_eq!(requests, asked, "{name}, {items}");
        }
    }
}

#[tokio::test]
async fn pages_that_differ_only_in_their_middle_are_no_repetitions() {
    for (counts, links) in [(true, true), (true, false), (false, true), (false, false)] {
        let (client, _) = client_of(Server { around: 2000, cap: 1, counts, links, ..server(3) });
        let list = client.marketplace_orders_list().select::<Row>().page_size(1).limit(3);
        assert_eq!(numbers(&list.all().await.unwrap()), [1, 2, 3], "{counts} {links}");
    }
}

#[tokio::test]
async fn without_count_and_links_a_short_page_is_the_end() {
    let bare = |items| Server { links: false, counts: false, ..server(items) };
    for (items, requests) in [(0, 1), (299, 1), (301, 2), (650, 3)] {
        let (rows, asked) = all(bare(items)).await;
        assert_eq!((rows.unwrap().len(), asked), (items, requests));
    }
    // A list that isn't paged at all, of just a page's length or more.
    for items in [300, 700] {
        let server = Server { ignores_page: true, cap: 10_000, ..bare(items) };
        let (client, server) = client_of(server);
        let list = client
            .marketplace_orders_list()
            .select::<Row>()
            .page_size(i64::try_from(items.min(300)).unwrap());
        // The server gives all of it.
        let rows = list.all().await.unwrap();
        assert_eq!(rows.len(), items.min(300));
        assert!(server.asked.lock().unwrap().len() <= 2);
    }
}

#[tokio::test]
async fn a_list_that_does_not_end_is_an_error_that_says_how_far_it_got() {
    for (server, words) in [
        (Server { loops: Some((2, 1)), ..server(900) }, ["page 2 leads back to page 1", "600 items"]),
        (Server { loops: Some((2, 2)), ..server(900) }, ["page 2 leads back to page 2", "600 items"]),
        (Server { loops: Some((1, 2)), ignores_page: true, ..server(900) }, ["leads back to", "600 items"]),
        (
            Server { ignores_page: true, links: false, ..server(900) },
            ["page 2 repeats the one before it", "600 items"],
        ),
    ] {
        let (rows, asked) = all(server).await;
        let error = rows.unwrap_err();
        assert!(error.is_unexpected_response() && error.operation() == "marketplace_orders_list");
        assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}");
        assert!(asked <= 3);
    }
}

/// A server with the same body for each request.
#[derive(Debug)]
struct Fixed(&'static str);

impl Transport for Fixed {
    fn execute(
        &self,
        _request: reqwest::Request,
        _operation: &'static Operation,
    ) -> BoxFuture<'_, Result<reqwest::Response, BoxError>> {
        Box::pin(async { Ok(http::Response::new(self.0).into()) })
    }
}

#[tokio::test]
async fn a_page_that_does_not_fit_the_rows_says_where() {
    for (body, place) in [
        (r#"{"uuid":"00000000000000000000000000000001"}"#, "$: invalid type: map, expected a sequence"),
        (r#"[{"uuid":"00000000000000000000000000000001"},{"uuid":7}]"#, "$[1].uuid: "),
        (r#"[{"uuid":"00000000000000000000000000000001"}] []"#, "not JSON: trailing characters"),
        (r#"[{"uuid":"00000000000000000000000000000001"}"#, "EOF while parsing a list"),
    ] {
        let client =
            Client::builder().url("http://waldur.test").token("0123").transport(Arc::new(Fixed(body)));
        let list = client.build().unwrap().marketplace_orders_list().select::<Row>();
        let error = list.all().await.unwrap_err();
        assert!(error.is_unexpected_response() && error.to_string().contains(place), "{error}");
    }
}

#[tokio::test]
async fn a_page_that_fails_says_how_far_it_got() {
    let (client, _) = client_of(Server { fails: Some((3, 500)), ..server(900) });
    let mut stream = client.marketplace_orders_list().stream();
    let mut came = 0;
    let error = loop {
        match stream.next().await.expect("it ends in an error") {
            Ok(_) => came += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(came, 600);
    assert!(error.is_server() && error.to_string().contains("page 3; 600 items came before"), "{error}");
    assert!(stream.next().await.is_none());
}

#[tokio::test]
async fn a_list_that_becomes_shorter_is_read_again_or_reported() {
    // After the first page, 400 of 650 items are gone: page 2 begins past the end.
    let shorter = || Server { removes: Some((1, 400)), links: false, ..server(650) };
    let (rows, asked) = all(shorter()).await;
    // Read again, from the beginning: what is left, with nothing missing.
    assert_eq!(rows.unwrap(), (401..=650).collect::<Vec<_>>());
    assert_eq!(asked, 3);
    let (client, _) = client_of(shorter());
    let came: Result<Vec<_>, _> = client.marketplace_orders_list().stream().try_collect().await;
    let error = came.unwrap_err();
    assert!(error.is_not_found() && error.to_string().contains("became shorter"), "{error}");
    assert!(error.to_string().contains("300 items came before"), "{error}");
}

#[tokio::test]
async fn pages_are_asked_for_side_by_side_and_keep_their_order() {
    for (concurrency, most) in [(1, 1), (4, 4), (100, 7)] {
        for limit in [None, Some(650)] {
            let (client, server) = client_of(server(2400));
            let mut list = client.marketplace_orders_list().select::<Row>().concurrency(concurrency);
            if let Some(limit) = limit {
                list = list.limit(limit);
            }
            let rows = numbers(&list.all().await.unwrap());
            let expected = limit.unwrap_or(2400);
            assert_eq!(rows, (1..=expected as u128).collect::<Vec<_>>());
            let asked = server.asked.lock().unwrap();
            let in_order = (1..=expected.div_ceil(300)).map(|page| format!("page={page}&"));
            assert_eq!(asked.len(), expected.div_ceil(300));
            assert!(asked.iter().zip(in_order).all(|(asked, page)| asked.contains(&page)), "{asked:?}");
            let reached = server.under_way.lock().unwrap().1;
            assert_eq!(reached, most.min(expected.div_ceil(300) - 1).max(1), "{concurrency} {limit:?}");
        }
    }
    // The count was too small: the rest comes one after the other.
    let (client, _) = client_of(Server { count_off: -1700, ..server(2400) });
    let rows = client.marketplace_orders_list().select::<Row>().concurrency(3).all().await.unwrap();
    assert_eq!(rows.len(), 2400);
}

#[tokio::test]
async fn no_more_is_asked_for_than_is_wanted() {
    let (client, server) = client_of(server(900));
    let list = || client.marketplace_orders_list().state([OrderState::Done]);
    assert_eq!(list().first().await.unwrap().unwrap().uuid, Some(Uuid::from_u128(1)));
    assert_eq!(list().limit(2).all().await.unwrap().len(), 2);
    assert_eq!(list().limit(0).all().await.unwrap().len(), 0);
    assert_eq!(list().count().await.unwrap(), 900);
    assert_eq!(list().stream().take(300).collect::<Vec<_>>().await.len(), 300);
    let path = "/api/marketplace-orders/?state=done";
    assert_eq!(
        *server.asked.lock().unwrap(),
        [
            format!("{path}&page=1&page_size=1"),
            format!("{path}&page=1&page_size=2"),
            path.to_owned(),
            format!("{path}&page=1&page_size=300"),
        ]
    );
}

#[tokio::test]
async fn lists_are_counted_also_where_head_or_the_count_is_missing() {
    for (server, requests) in [
        (server(650), 1),
        (Server { heads: false, ..server(650) }, 2),
        (Server { counts: false, ..server(650) }, 5),
    ] {
        let (client, server) = client_of(server);
        assert_eq!(client.marketplace_orders_list().count().await.unwrap(), 650);
        assert_eq!(server.asked.lock().unwrap().len(), requests);
    }
}

#[tokio::test]
async fn a_list_is_resumed_where_it_was_left() {
    let (client, server) = client_of(server(900));
    let list = || client.marketplace_orders_list().state([OrderState::Done]).select::<Row>();
    let first = list().pages().next().await.unwrap().unwrap();
    assert_eq!((first.total, first.received, first.items.len()), (Some(900), 300, 300));
    let kept = first.next.unwrap().to_string();
    let place: PageToken = kept.parse().unwrap();
    let rest: Vec<_> = list().resume(place.clone()).pages().try_collect().await.unwrap();
    assert_eq!(rest.iter().map(|page| page.received).collect::<Vec<_>>(), [600, 900]);
    assert!(rest[1].next.is_none());
    assert_eq!(rest[0].items[0].uuid, Uuid::from_u128(301));
    let asked = server.asked.lock().unwrap().len();
    for (list, word) in [
        (client.marketplace_orders_list().select::<Row>().resume(place.clone()), "other filters"),
        (client.marketplace_provider_resources_list().select::<Row>().resume(place), "another list"),
    ] {
        let error = list.all().await.unwrap_err();
        assert!(error.is_validation() && error.to_string().contains(word), "{error}");
    }
    assert_eq!(server.asked.lock().unwrap().len(), asked);
}

#[tokio::test]
async fn items_that_come_twice_are_left_out_when_asked() {
    let twice = || {
        let server = server(0);
        *server.items.lock().unwrap() = (1..=300).chain(300..=400).collect();
        server
    };
    let (client, _) = client_of(twice());
    assert_eq!(client.marketplace_orders_list().all().await.unwrap().len(), 401);
    let rows = client.marketplace_orders_list().select::<Row>().dedup().all().await.unwrap();
    assert_eq!(numbers(&rows), (1..=400).collect::<Vec<_>>());
    // The uuid is asked for even where the row has none.
    #[derive(Deserialize)]
    struct Other {
        #[allow(dead_code)]
        state: String,
    }
    let rows = client.marketplace_orders_list().select::<Other>().dedup().all().await.unwrap();
    assert_eq!(rows.len(), 400);
}

#[tokio::test]
async fn lists_without_pages_are_one_request() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let team = client.marketplace_provider_resources_team_list().uuid(sandbox.ids().resources.ok);
    assert!(!team.clone().all().await.unwrap().is_empty());
    let count = team.clone().count().await.unwrap();
    assert_eq!(team.clone().page_size(1).all().await.unwrap().len() as u64, count);
    assert!(team.first().await.unwrap().is_some());
    assert!(sandbox.requests().iter().all(|request| request.query.is_empty()));
}

#[tokio::test]
async fn rows_get_what_they_name_and_nothing_else() {
    #[derive(Debug, Deserialize)]
    struct Row {
        uuid: Uuid,
        #[serde(rename = "state")]
        stands_at: OrderState,
        start_date: Option<String>,
    }
    let sandbox = Sandbox::builder().orders(0).orders_in(State::Done, 7).start().await.unwrap();
    let client = client(&sandbox);
    let rows = client.marketplace_orders_list().select::<Row>().all().await.unwrap();
    assert!(
        rows.len() == 7
            && rows.iter().all(|row| row.stands_at == OrderState::Done && row.start_date.is_none())
    );
    let one = client.marketplace_orders_retrieve().uuid(rows[0].uuid).select::<Row>().await.unwrap();
    assert_eq!(one.uuid, rows[0].uuid);
    for request in sandbox.requests() {
        assert!(request.query.contains("field=uuid&field=state&field=start_date"), "{}", request.query);
    }
}

#[tokio::test]
async fn rows_that_cannot_be_asked_for_are_refused_before_anything_is_sent() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Unknown {
        uuid: Uuid,
        colour: String,
    }
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Flat {
        #[serde(flatten)]
        row: Row,
    }
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let list = || client.marketplace_orders_list();
    for (error, word) in [
        (list().select::<Unknown>().all().await.unwrap_err(), "colour is no field"),
        (list().select::<Unknown>().count().await.unwrap_err(), "colour is no field"),
        (list().select::<Flat>().first().await.unwrap_err(), "Flat doesn't say its fields"),
        (list().page(2).all().await.unwrap_err(), "`page` was set"),
        (list().select::<Row>().page_size(0).all().await.unwrap_err(), "`page_size` is 0"),
        (list().page_size(-1).all().await.unwrap_err(), "`page_size` is -1"),
        (
            client.marketplace_orders_retrieve().uuid(Uuid::nil()).select::<Unknown>().await.unwrap_err(),
            "colour is no field",
        ),
        (
            client
                .marketplace_provider_resources_team_list()
                .uuid(sandbox.ids().resources.ok)
                .select::<Row>()
                .all()
                .await
                .unwrap_err(),
            "no parameter `field`",
        ),
    ] {
        assert!(error.is_validation() && error.to_string().contains(word), "{error}");
    }
    assert!(sandbox.requests().is_empty());
}

/// A field that the schema doesn't have is asked for all the same: a newer server may have it.
#[tokio::test]
async fn fields_can_be_chosen_by_name() {
    #[derive(Debug, Deserialize)]
    struct Row {
        uuid: Uuid,
        state: Option<OrderState>,
        colour: Option<String>,
    }
    let builder = Sandbox::builder().orders(0).orders_in(State::Done, 2).allow_violations();
    let sandbox = builder.start().await.unwrap();
    let client = client(&sandbox);
    let list = client.marketplace_orders_list().select_fields::<Row>(["uuid", "colour"]);
    let mut rows = list.all().await.unwrap();
    let query = sandbox.requests()[0].query.clone();
    let fields: Vec<&str> = query.split('&').filter_map(|pair| pair.strip_prefix("field=")).collect();
    assert_eq!(fields, ["uuid", "colour"]);
    assert!(rows.iter().all(|row| row.state.is_none() && row.colour.is_none()), "{rows:?}");
    rows.sort_by_key(|row| row.uuid);
    let mut there: Vec<Uuid> = sandbox.orders().iter().map(|order| order.uuid).collect();
    there.sort_unstable();
    assert_eq!(rows.iter().map(|row| row.uuid).collect::<Vec<_>>(), there);
}

#[tokio::test]
async fn what_a_row_needs_and_does_not_get_is_named_by_its_path() {
    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Row {
        uuid: Uuid,
        start_date: String,
    }
    let sandbox = Sandbox::builder().orders(0).orders_in(State::Done, 2).start().await.unwrap();
    let error = client(&sandbox).marketplace_orders_list().select::<Row>().all().await.unwrap_err();
    assert!(error.is_unexpected_response() && error.to_string().contains("$[0].start_date"), "{error}");
}

#[tokio::test]
async fn a_connection_that_breaks_in_mid_page_costs_nothing_but_time() {
    let sandbox = Sandbox::builder().orders(0).orders_in(State::Done, 700).start().await.unwrap();
    sandbox.fail_next(2, "GET", "/api/marketplace-orders/", Fault::Truncated);
    let rows = client(&sandbox).marketplace_orders_list().select::<Row>().all().await.unwrap();
    assert_eq!(rows.len(), 700);
    assert_eq!(sandbox.requests().len(), 5);
}
