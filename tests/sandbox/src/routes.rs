//! Every operation there is, in one table.

use http::Method;

use crate::answer::{Answer, Outcome};
use crate::call::Call;
use crate::state::State;
use crate::{offering_users, offerings, orders, organisations, people, providers, resources, usages};

pub(crate) type Handler = fn(&Call, &mut State) -> Outcome;

/// A path below `/api/`, and what it does.
#[derive(Debug)]
pub(crate) struct Route {
    /// `*` stands for one variable segment.
    path: &'static str,
    /// What the real server allows here, some of which the sandbox doesn't have.
    pub(crate) allow: &'static str,
    /// Nobody has to be signed in.
    pub(crate) public: bool,
    handlers: &'static [(Method, Handler)],
}

impl Route {
    /// HEAD is answered as GET is, without the body.
    pub(crate) fn handler(&self, method: &Method) -> Option<Handler> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.handlers.iter().find(|(known, _)| known == method).map(|(_, handler)| *handler)
    }

    pub(crate) fn allows(&self, method: &Method) -> bool {
        self.allow.split(", ").any(|known| known == method.as_str())
    }
}

const LIST: &str = "GET, POST, HEAD, OPTIONS";
const ITEM: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const READ: &str = "GET, HEAD, OPTIONS";
const ACTION: &str = "POST, OPTIONS";

macro_rules! routes {
    ($($kind:ident $path:literal $allow:ident { $($method:ident $handler:path),* })*) => {
        &[$(Route {
            path: $path,
            allow: $allow,
            public: routes!(@public $kind),
            handlers: &[$((Method::$method, $handler)),*],
        }),*]
    };
    (@public public) => { true };
    (@public signed) => { false };
}

/// A fixed segment comes before a variable one at the same place.
const ROUTES: &[Route] = routes! {
    public "version/" READ { GET version }
    signed "users/" LIST { GET people::list }
    signed "users/me/" READ { GET people::me }
    signed "users/*/" ITEM { GET people::retrieve }
    signed "keys/" LIST { GET people::keys }
    signed "keys/*/" ITEM { GET people::key }
    signed "customers/" LIST { GET organisations::customers }
    signed "customers/*/" ITEM { GET organisations::customer }
    signed "projects/" LIST { GET organisations::projects }
    signed "projects/*/" ITEM { GET organisations::project }

    public "marketplace-service-providers/" LIST { GET providers::list }
    public "marketplace-service-providers/*/" ITEM { GET providers::retrieve }
    signed "marketplace-service-providers/*/users/" READ { GET providers::users }
    signed "marketplace-service-providers/*/keys/" READ { GET providers::keys }
    signed "marketplace-service-providers/*/projects/" READ { GET providers::projects }
    signed "marketplace-service-providers/*/project_permissions/" READ { GET providers::project_permissions }
    signed "marketplace-service-providers/*/customers/" READ { GET providers::customers }
    signed "marketplace-service-providers/*/offerings/" READ { GET providers::offerings }
    signed "marketplace-service-providers/*/set_offerings_username/" ACTION {
        POST providers::set_offerings_username
    }

    signed "marketplace-provider-offerings/" LIST { GET offerings::provider_list }
    signed "marketplace-provider-offerings/*/" ITEM { GET offerings::provider_retrieve }
    public "marketplace-public-offerings/" READ { GET offerings::public_list }
    public "marketplace-public-offerings/*/" READ { GET offerings::public_retrieve }
    signed "marketplace-plan-components/" READ { GET offerings::plan_components }

    signed "marketplace-resources/" LIST { GET resources::consumer_list }
    signed "marketplace-resources/*/" ITEM { GET resources::consumer_retrieve }
    signed "marketplace-resources/*/team/" READ { GET resources::consumer_team }
    signed "marketplace-resources/*/plan_periods/" READ { GET resources::consumer_plan_periods }
    signed "marketplace-resources/*/terminate/" ACTION { POST resources::consumer_terminate }
    signed "marketplace-provider-resources/" LIST { GET resources::provider_list }
    signed "marketplace-provider-resources/*/" ITEM { GET resources::provider_retrieve }
    signed "marketplace-provider-resources/*/team/" READ { GET resources::provider_team }
    signed "marketplace-provider-resources/*/plan_periods/" READ { GET resources::provider_plan_periods }
    signed "marketplace-provider-resources/*/set_backend_id/" ACTION { POST resources::set_backend_id }
    signed "marketplace-provider-resources/*/set_backend_metadata/" ACTION {
        POST resources::set_backend_metadata
    }
    signed "marketplace-provider-resources/*/submit_report/" ACTION { POST resources::submit_report }
    signed "marketplace-provider-resources/*/set_limits/" ACTION { POST resources::set_limits }
    signed "marketplace-provider-resources/*/set_as_ok/" ACTION { POST resources::set_as_ok }
    signed "marketplace-provider-resources/*/set_as_erred/" ACTION { POST resources::set_as_erred }
    signed "marketplace-provider-resources/*/refresh_last_sync/" ACTION { POST resources::refresh_last_sync }
    signed "marketplace-provider-resources/*/terminate/" ACTION { POST resources::provider_terminate }

    signed "marketplace-orders/" LIST { GET orders::list, POST orders::create }
    signed "marketplace-orders/*/" ITEM { GET orders::retrieve, DELETE orders::destroy }
    signed "marketplace-orders/*/approve_by_provider/" ACTION { POST orders::approve_by_provider }
    signed "marketplace-orders/*/reject_by_provider/" ACTION { POST orders::reject_by_provider }
    signed "marketplace-orders/*/approve_by_consumer/" ACTION { POST orders::approve_by_consumer }
    signed "marketplace-orders/*/reject_by_consumer/" ACTION { POST orders::reject_by_consumer }
    signed "marketplace-orders/*/cancel/" ACTION { POST orders::cancel }
    signed "marketplace-orders/*/set_state_executing/" ACTION { POST orders::set_state_executing }
    signed "marketplace-orders/*/set_state_done/" ACTION { POST orders::set_state_done }
    signed "marketplace-orders/*/set_state_erred/" ACTION { POST orders::set_state_erred }

    signed "marketplace-component-usages/" LIST { GET usages::list }
    signed "marketplace-component-usages/set_usage/" ACTION { POST usages::set_usage }
    signed "marketplace-component-usages/*/" ITEM { GET usages::retrieve }
    signed "marketplace-component-usages/*/set_user_usage/" ACTION { POST usages::set_user_usage }
    signed "marketplace-component-usages/*/set_user_usages/" ACTION { POST usages::set_user_usages }
    signed "marketplace-component-user-usages/" LIST { GET usages::user_list }
    signed "marketplace-component-user-usages/*/" ITEM { GET usages::user_retrieve }

    signed "marketplace-offering-users/" LIST { GET offering_users::list, POST offering_users::create }
    signed "marketplace-offering-users/*/" ITEM {
        GET offering_users::retrieve,
        PATCH offering_users::partial_update,
        DELETE offering_users::destroy
    }
    signed "marketplace-offering-users/*/begin_creating/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_pending_account_linking/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_pending_additional_validation/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_validation_complete/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_ok/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_error_creating/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/request_deletion/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_deleting/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_deleted/" ACTION { POST offering_users::act }
    signed "marketplace-offering-users/*/set_error_deleting/" ACTION { POST offering_users::act }
};

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Found {
    /// To an operation, with the variable segments of the path.
    Route(&'static Route, Vec<String>),
    /// To an operation, if only it ended in a slash.
    Slash,
    Nowhere,
}

pub(crate) fn find(path: &str) -> Found {
    let Some(path) = path.strip_prefix("/api/") else { return Found::Nowhere };
    if let Some((route, segments)) = lookup(path) {
        Found::Route(route, segments)
    } else if !path.ends_with('/') && lookup(&format!("{path}/")).is_some() {
        Found::Slash
    } else {
        Found::Nowhere
    }
}

fn lookup(path: &str) -> Option<(&'static Route, Vec<String>)> {
    ROUTES.iter().find_map(|route| Some((route, matched(route.path, path)?)))
}

fn matched(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut segments = Vec::new();
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return Some(segments),
            (Some("*"), Some(segment)) if !segment.is_empty() => segments.push(segment.to_owned()),
            (Some(expected), Some(segment)) if expected == segment => {}
            _ => return None,
        }
    }
}

/// Whether addresses of objects of a collection can exist.
pub(crate) fn has_collection(name: &str) -> bool {
    ROUTES.iter().any(|route| route.path.split_once('/') == Some((name, "*/")))
}

/// The version whose schema the answers follow where the recordings don't say otherwise.
fn version(_: &Call, _: &mut State) -> Outcome {
    Ok(Answer::ok(serde_json::json!({ "version": "8.0.5", "latest_version": null })))
}
