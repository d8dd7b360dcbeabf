//! Every operation there is, in one table.

use std::collections::HashMap;
use std::sync::LazyLock;

use http::Method;

use crate::actor::Actor;
use crate::answer::{Answer, Outcome, forbidden};
use crate::call::Call;
use crate::contract;
use crate::release::Release;
use crate::state::State;
use crate::{
    documents, offering_users, offerings, orders, organisations, people, providers, resources, usages,
};

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
    /// The operation, where the schema is too old to have it.
    young: Option<&'static str>,
    handlers: &'static [(Method, Handler)],
}

impl Route {
    /// HEAD is answered as GET is, without the body.
    pub(crate) fn handler(&self, method: &Method, release: Release) -> Option<Handler> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let (_, handler) = self.handlers.iter().find(|(known, _)| known == method)?;
        self.has(method, release).then_some(*handler)
    }

    /// The operation of a method.
    fn operation(&self, method: &Method) -> Option<&'static str> {
        if self.young.is_some() {
            return self.young;
        }
        let path = format!("/api/{}", self.path.replace('*', "00000000000000000000000000000001"));
        contract::operation(method, &path).map(|operation| operation.id.as_str())
    }

    /// Whether a release has the operation of a method. The root is no operation, and all have it.
    fn has(&self, method: &Method, release: Release) -> bool {
        static OPERATIONS: LazyLock<HashMap<(&str, Method), &str>> = LazyLock::new(|| {
            let all =
                ROUTES.iter().flat_map(|route| route.handlers.iter().map(move |(method, _)| (route, method)));
            all.filter_map(|(route, method)| Some(((route.path, method.clone()), route.operation(method)?)))
                .collect()
        });
        OPERATIONS.get(&(self.path, method.clone())).is_none_or(|operation| release.has(operation))
    }

    /// Any of its operations.
    fn is_of(&self, release: Release) -> bool {
        self.handlers.iter().any(|(method, _)| self.has(method, release))
    }
}

const LIST: &str = "GET, POST, HEAD, OPTIONS";
const ITEM: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const READ: &str = "GET, HEAD, OPTIONS";
const ACTION: &str = "POST, OPTIONS";
const DELETABLE: &str = "GET, DELETE, HEAD, OPTIONS";
const PUTTABLE: &str = "GET, PUT, DELETE, HEAD, OPTIONS";
const PATCHED: &str = "PATCH, OPTIONS";
const CONFIG: &str = "POST, PUT, PATCH, OPTIONS";

macro_rules! routes {
    ($($kind:ident $(($young:literal))? $path:literal $allow:ident { $($method:ident $handler:path),* })*) => {
        &[$(Route {
            path: $path,
            allow: $allow,
            public: routes!(@public $kind),
            young: routes!(@young $($young)?),
            handlers: &[$((Method::$method, $handler)),*],
        }),*]
    };
    (@public public) => { true };
    (@public signed) => { false };
    (@young $young:literal) => { Some($young) };
    (@young) => { None };
}

/// A fixed segment comes before a variable one at the same place.
static ROUTES: &[Route] = routes! {
    signed "" READ { GET root }
    public "version/" READ { GET version }
    signed "users/" LIST { GET people::list }
    signed "users/me/" READ { GET people::me }
    signed "users/*/" ITEM { GET people::retrieve, PATCH people::partial_update }
    signed "roles/" LIST { GET people::roles }
    signed "events/" READ { GET events }
    signed "identity-bridge/" ACTION { POST people::identity_bridge }
    signed "identity-bridge/remove/" ACTION { POST people::identity_bridge_remove }
    signed "remote-eduteams/" ACTION { POST people::remote_eduteams }
    signed "keys/" LIST { GET people::keys }
    signed "keys/*/" ITEM { GET people::key }
    signed "customers/" LIST { GET organisations::customers }
    signed "customers/*/" ITEM { GET organisations::customer }
    signed "projects/" LIST { GET organisations::projects, POST organisations::create_project }
    signed "projects/*/" ITEM {
        GET organisations::project,
        PUT organisations::update_project,
        PATCH organisations::update_project
    }
    signed "projects/*/list_users/" READ { GET organisations::list_users }
    signed "projects/*/add_user/" ACTION { POST organisations::add_user }
    signed "projects/*/delete_user/" ACTION { POST organisations::delete_user }

    public "marketplace-service-providers/" LIST { GET providers::list }
    public "marketplace-service-providers/*/" ITEM { GET providers::retrieve }
    signed "marketplace-service-providers/*/users/" READ { GET providers::users }
    signed "marketplace-service-providers/*/keys/" READ { GET providers::keys }
    signed "marketplace-service-providers/*/projects/" READ { GET providers::projects }
    signed "marketplace-service-providers/*/project_permissions/" READ { GET providers::project_permissions }
    signed "marketplace-service-providers/*/user_customers/" READ { GET providers::customers }
    signed "marketplace-service-providers/*/course_accounts/" READ { GET providers::course_accounts }
    signed "marketplace-service-providers/*/project_service_accounts/" READ {
        GET providers::project_service_accounts
    }
    signed "marketplace-service-providers/*/robot_account_customers/" READ {
        GET providers::robot_account_customers
    }
    signed "marketplace-service-providers/*/robot_account_projects/" READ {
        GET providers::robot_account_projects
    }
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
    signed "marketplace-provider-resources/*/" ITEM {
        GET resources::provider_retrieve,
        PUT resources::provider_update,
        PATCH resources::provider_update
    }
    signed "marketplace-provider-resources/*/team/" READ { GET resources::provider_team }
    signed "marketplace-provider-resources/*/plan_periods/" READ { GET resources::provider_plan_periods }
    signed "marketplace-provider-resources/*/set_backend_id/" ACTION { POST resources::set_backend_id }
    signed "marketplace-provider-resources/*/set_backend_metadata/" ACTION {
        POST resources::set_backend_metadata
    }
    signed("marketplace_provider_resources_set_endpoints") "marketplace-provider-resources/*/set_endpoints/" ACTION {
        POST resources::set_endpoints
    }
    signed "marketplace-provider-resources/*/submit_report/" ACTION { POST resources::submit_report }
    signed "marketplace-provider-resources/*/set_limits/" ACTION { POST resources::set_limits }
    signed "marketplace-provider-resources/*/set_as_ok/" ACTION { POST resources::set_as_ok }
    signed "marketplace-provider-resources/*/set_as_erred/" ACTION { POST resources::set_as_erred }
    signed "marketplace-provider-resources/*/refresh_last_sync/" ACTION { POST resources::refresh_last_sync }
    signed "marketplace-provider-resources/*/terminate/" ACTION { POST resources::provider_terminate }

    signed "marketplace-provider-resources/*/details/" READ { GET resources::details }
    signed "marketplace-provider-resources/*/offering/" READ { GET resources::offering }
    signed "marketplace-provider-resources/*/glauth_users_config/" READ { GET resources::glauth_users_config }
    signed "marketplace-provider-resources/*/set_state_ok/" ACTION { POST resources::set_state_ok }
    signed "marketplace-provider-resources/*/set_paused/" ACTION { POST resources::set_flag }
    signed "marketplace-provider-resources/*/set_downscaled/" ACTION { POST resources::set_flag }
    signed "marketplace-provider-resources/*/set_restrict_member_access/" ACTION { POST resources::set_flag }
    signed "marketplace-provider-resources/*/set_end_date_by_provider/" ACTION { POST resources::set_end_date }
    signed "marketplace-provider-resources/*/set_end_date_by_staff/" ACTION {
        POST resources::set_end_date_by_staff
    }
    signed "marketplace-provider-resources/*/set_keycloak_scopes/" ACTION { POST resources::set_property }
    signed "marketplace-provider-resources/*/update_options_direct/" ACTION { POST resources::set_property }
    signed "marketplace-provider-resources/*/update_options/" ACTION { POST resources::update_options }
    signed "marketplace-provider-resources/*/set_slug/" ACTION { POST resources::set_slug }
    signed "marketplace-provider-resources/*/unlink/" ACTION { POST resources::unlink }
    signed "marketplace-provider-resources/*/pull/" ACTION { POST resources::pull }

    signed "marketplace-orders/" LIST { GET orders::list, POST orders::create }
    signed "marketplace-orders/*/" ITEM {
        GET orders::retrieve,
        PUT orders::update,
        PATCH orders::update,
        DELETE orders::destroy
    }
    signed "marketplace-orders/*/offering/" READ { GET orders::offering }
    signed "marketplace-orders/*/set_backend_id/" ACTION { POST orders::set_backend_id }
    signed "marketplace-orders/*/set_provider_info/" ACTION { POST orders::set_provider_info }
    signed "marketplace-orders/*/set_consumer_info/" ACTION { POST orders::set_consumer_info }
    signed "marketplace-orders/*/unlink/" ACTION { POST orders::unlink }
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
        PUT offering_users::partial_update,
        PATCH offering_users::partial_update,
        DELETE offering_users::destroy
    }
    signed "marketplace-offering-users/*/update_comments/" PATCHED { PATCH offering_users::update_comments }
    signed "marketplace-offering-users/*/update_restricted/" ACTION { POST offering_users::update_restricted }
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

    signed "marketplace-provider-offerings/*/create_offering_component/" ACTION { POST offerings::create_component }
    signed "marketplace-provider-offerings/*/update_offering_component/" ACTION { POST offerings::update_component }
    signed "marketplace-provider-offerings/*/remove_offering_component/" ACTION { POST offerings::remove_component }
    signed "marketplace-provider-offerings/*/add_endpoint/" ACTION { POST offerings::add_endpoint }
    signed "marketplace-provider-offerings/*/delete_endpoint/" ACTION { POST offerings::delete_endpoint }
    signed "marketplace-provider-offerings/*/set_backend_metadata/" ACTION { POST offerings::set_backend_metadata }
    signed "marketplace-provider-offerings/*/check_unique_backend_id/" ACTION { POST offerings::check_unique_backend_id }
    signed "marketplace-provider-offerings/*/user-attribute-config/" READ { GET offerings::user_attributes }
    signed "marketplace-provider-offerings/*/glauth_users_config/" READ { GET offerings::glauth_users_config }
    signed "marketplace-provider-offerings/*/list_course_accounts/" READ { GET offerings::course_accounts }
    signed "marketplace-provider-offerings/*/list_project_service_accounts/" READ { GET offerings::project_service_accounts }
    signed "marketplace-provider-offerings/*/list_customer_service_accounts/" READ { GET offerings::customer_service_accounts }
    signed "marketplace-provider-offerings/*/list_customer_projects/" READ { GET offerings::projects }
    signed "marketplace-provider-offerings/*/list_customer_users/" READ { GET offerings::users }
    signed "marketplace-provider-offerings/*/customers/" READ { GET offerings::customers }
    signed "marketplace-provider-offerings/*/orders/" READ { GET offerings::orders }
    signed "marketplace-provider-offerings/*/update-user-attribute-config/" CONFIG {
        POST offerings::update_user_attributes,
        PUT offerings::update_user_attributes,
        PATCH offerings::update_user_attributes
    }
    signed "marketplace-plans/*/" ITEM { GET offerings::plan }
    public "marketplace-public-offerings/*/plans/" READ { GET offerings::public_plans }
    public "marketplace-public-offerings/*/plans/*/" READ { GET offerings::public_plan }
    signed "marketplace-resources/*/update_limits/" ACTION { POST resources::update_limits }
    signed "marketplace-resources/*/switch_plan/" ACTION { POST resources::switch_plan }

    signed "marketplace-robot-accounts/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-robot-accounts/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-project-service-accounts/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-project-service-accounts/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-customer-service-accounts/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-customer-service-accounts/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-course-accounts/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-course-accounts/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "marketplace-site-agent-identities/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-site-agent-identities/cleanup_orphaned/" ACTION { POST documents::cleanup }
    signed "marketplace-site-agent-identities/*/" PUTTABLE { GET documents::retrieve, PUT documents::update, DELETE documents::destroy }
    signed "marketplace-site-agent-services/" READ { GET documents::list }
    signed "marketplace-site-agent-services/cleanup_stale/" ACTION { POST documents::cleanup }
    signed "marketplace-site-agent-services/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "marketplace-site-agent-processors/" READ { GET documents::list }
    signed "marketplace-site-agent-processors/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "event-subscriptions/" LIST { GET documents::list, POST documents::create }
    signed "event-subscriptions/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "event-subscription-queues/" READ { GET documents::list }
    signed "event-subscription-queues/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "backend-resources/" LIST { GET documents::list, POST documents::create }
    signed "backend-resources/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "backend-resource-requests/" LIST { GET documents::list, POST documents::create }
    signed "backend-resource-requests/*/" READ { GET documents::retrieve }
    signed "component-user-usage-limits/" LIST { GET documents::list, POST documents::create }
    signed "component-user-usage-limits/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-resource-users/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-resource-users/*/" DELETABLE { GET documents::retrieve, DELETE documents::destroy }
    signed "marketplace-offering-user-roles/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-offering-user-roles/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-slurm-periodic-usage-policies/" LIST { GET documents::list, POST documents::create }
    signed "marketplace-slurm-periodic-usage-policies/*/" ITEM { GET documents::retrieve, PUT documents::update, PATCH documents::update, DELETE documents::destroy }
    signed "marketplace-robot-accounts/*/set_state_creating/" ACTION { POST documents::act }
    signed "marketplace-robot-accounts/*/set_state_ok/" ACTION { POST documents::act }
    signed "marketplace-robot-accounts/*/set_state_erred/" ACTION { POST documents::act }
    signed "marketplace-robot-accounts/*/set_state_request_deletion/" ACTION { POST documents::act }
    signed "marketplace-robot-accounts/*/set_state_deleted/" ACTION { POST documents::act }
    signed "marketplace-project-service-accounts/*/rotate_api_key/" ACTION { POST documents::rotate_api_key }
    signed "marketplace-customer-service-accounts/*/rotate_api_key/" ACTION { POST documents::rotate_api_key }
    signed "backend-resource-requests/*/start_processing/" ACTION { POST documents::act }
    signed "backend-resource-requests/*/set_done/" ACTION { POST documents::act }
    signed "backend-resource-requests/*/set_erred/" ACTION { POST documents::act }
    signed "marketplace-site-agent-identities/*/register_service/" ACTION { POST documents::register }
    signed "marketplace-site-agent-identities/*/register_event_subscription/" ACTION { POST documents::register_event_subscription }
    signed "marketplace-site-agent-services/*/register_processor/" ACTION { POST documents::register }
    signed "marketplace-site-agent-services/*/set_statistics/" ACTION { POST documents::set_statistics }
    signed "event-subscriptions/*/create_queue/" ACTION { POST documents::create_queue }
    signed "backend-resources/*/import_resource/" ACTION { POST documents::import_resource }
    signed "marketplace-slurm-periodic-usage-policies/*/report-command-result/" ACTION { POST documents::report_command_result }
};

/// Where a path leads.
#[derive(Debug)]
pub(crate) enum Found {
    /// To an operation, with the variable segments of the path.
    Route(&'static Route, Vec<String>),
    /// To an operation, if only it ended in a slash.
    Slash,
    /// To one that the schema has and the sandbox hasn't.
    Missing,
    Nowhere,
}

pub(crate) fn find(path: &str, release: Release) -> Found {
    let Some(path) = path.strip_prefix("/api/") else { return Found::Nowhere };
    if let Some((route, segments)) = lookup(path, release) {
        Found::Route(route, segments)
    } else if !path.ends_with('/') && lookup(&format!("{path}/"), release).is_some() {
        Found::Slash
    } else if !is_known(path) && contract::operations_at(&format!("/api/{path}")).is_some() {
        Found::Missing
    } else if !path.ends_with('/')
        && !is_known(&format!("{path}/"))
        && contract::operations_at(&format!("/api/{path}/")).is_some()
    {
        Found::Slash
    } else {
        Found::Nowhere
    }
}

/// The routes of each first segment, in the order of the table.
static BY_COLLECTION: LazyLock<HashMap<&'static str, Vec<&'static Route>>> = LazyLock::new(|| {
    let mut routes = HashMap::<_, Vec<_>>::new();
    for route in ROUTES {
        routes.entry(route.path.split('/').next().unwrap_or_default()).or_default().push(route);
    }
    routes
});

/// Whether this is an operation that the schema is too old for.
pub(crate) fn is_young(method: &Method, path: &str, release: Release) -> bool {
    matches!(find(path, release), Found::Route(route, _)
        if route.young.is_some() && route.handler(method, release).is_some())
}

/// Whether any release has it.
fn is_known(path: &str) -> bool {
    Release::ALL.into_iter().any(|release| lookup(path, release).is_some())
}

fn lookup(path: &str, release: Release) -> Option<(&'static Route, Vec<String>)> {
    let collection = path.split('/').next().unwrap_or_default();
    let routes = BY_COLLECTION.get(collection)?;
    routes
        .iter()
        .find_map(|route| Some((*route, matched(route.path, path)?)))
        .filter(|(route, _)| route.is_of(release))
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

/// The version whose schema the answers follow where the recordings don't say otherwise, or one before or
/// after it. A server of late 2024 shows it to staff.
fn version(call: &Call, _: &mut State) -> Outcome {
    if !call.release.shows_its_version() && call.actor()? != Actor::Staff {
        return Err(forbidden());
    }
    let version = match call.release {
        Release::Late2024 => "7.5.0",
        Release::Schema => "8.0.5",
        Release::Newer => "8.1.0",
    };
    Ok(Answer::ok(serde_json::json!({ "version": version, "latest_version": null })))
}

/// The address of every collection.
fn root(call: &Call, _: &mut State) -> Outcome {
    let names = contract::collections();
    let addresses: serde_json::Map<_, _> =
        names.into_iter().map(|name| (name.to_owned(), call.url(&format!("{name}/")).into())).collect();
    Ok(Answer::ok(addresses))
}

/// Nothing is recorded of what happens.
fn events(call: &Call, _: &mut State) -> Outcome {
    call.actor()?;
    let rows: [(); 0] = [];
    crate::listing::page(call, &rows, |(), _| serde_json::Map::new())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::release::SINCE;

    /// The list of what providers need lies beside the workspace, or where `WALDUR_RECORDINGS` has its
    /// recordings.
    #[test]
    #[ignore = "reads a list beside the workspace, or beside WALDUR_RECORDINGS"]
    fn what_a_provider_needs() {
        let folder = std::env::var_os("WALDUR_RECORDINGS").map_or_else(
            || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
            |folder| Path::new(&folder).join(".."),
        );
        let list = std::fs::read_to_string(folder.join("provider-operations.tsv")).unwrap();
        let missing: Vec<&str> = list
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| line.split('\t').next())
            // Some belong to younger servers than the schema.
            .filter_map(|id| Some((id, contract::place_of(id)?)))
            .filter(|(_, (method, template))| {
                let uuid = "00000000000000000000000000000001";
                let path: Vec<_> =
                    template.split('/').map(|s| if s.starts_with('{') { uuid } else { s }).collect();
                !matches!(find(&path.join("/"), Release::Schema), Found::Route(route, _) if route.handler(method, Release::Schema).is_some())
            })
            .map(|(id, _)| id)
            .collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn methods_are_the_schema_s() {
        for route in ROUTES.iter().filter(|route| !route.path.is_empty() && route.young.is_none()) {
            let path = format!("/api/{}", route.path.replace('*', "00000000000000000000000000000001"));
            let known = contract::operations_at(&path).unwrap_or_default();
            for (method, _) in route.handlers {
                assert!(known.contains(&method.as_str()), "{method} {path} is not in the schema");
            }
        }
    }

    #[test]
    fn each_operation_has_a_release() {
        let mut known = BTreeSet::new();
        for route in ROUTES.iter().filter(|route| !route.path.is_empty()) {
            for (method, _) in route.handlers {
                let operation = route.operation(method).unwrap();
                assert!(Release::since(operation).is_some(), "{operation} is not in the table");
                known.insert(operation);
            }
        }
        for (name, since) in SINCE {
            let operation = name.split('.').next().unwrap();
            assert!(known.contains(operation), "{name} is no operation of the sandbox");
            assert!(Release::since(operation) <= Some(*since), "{name} is older than its operation");
        }
        assert_eq!(BTreeSet::from_iter(SINCE.iter().map(|(name, _)| name)).len(), SINCE.len(), "named twice");
    }

    /// Those that the schema doesn't have, and why.
    const YOUNG: &[(&str, &str)] =
        &[("marketplace-provider-resources/*/set_endpoints/", "servers after 8.0.5 have it")];

    #[test]
    fn what_is_young_is_known() {
        let young: Vec<&str> =
            ROUTES.iter().filter(|route| route.young.is_some()).map(|route| route.path).collect();
        assert_eq!(young, YOUNG.iter().map(|(path, _)| *path).collect::<Vec<_>>());
        for path in young {
            let path = format!("/api/{}", path.replace('*', "00000000000000000000000000000001"));
            assert!(contract::operations_at(&path).is_none(), "{path} is in the schema by now");
            assert!(matches!(find(&path, Release::Newer), Found::Route(..)));
            for release in [Release::Schema, Release::Late2024] {
                assert!(matches!(find(&path, release), Found::Nowhere));
            }
        }
    }
}
