//! Every operation that the sandbox has.

use http::Method;

use super::Route;
use crate::rules::{
    categories, customers, generic, invitations, invoices, offering_users, offerings, orders, people,
    providers, resources, system, usages,
};

const LIST: &str = "GET, POST, HEAD, OPTIONS";
const ITEM: &str = "GET, PUT, PATCH, DELETE, HEAD, OPTIONS";
const READ: &str = "GET, HEAD, OPTIONS";
const ACTION: &str = "POST, OPTIONS";
const DELETED: &str = "DELETE, OPTIONS";
const DELETABLE: &str = "GET, DELETE, HEAD, OPTIONS";
const PUTTABLE: &str = "GET, PUT, DELETE, HEAD, OPTIONS";
const PATCHED: &str = "PATCH, OPTIONS";
const CONFIG: &str = "POST, PUT, PATCH, OPTIONS";

macro_rules! routes {
    ($($kind:ident $(($since_newer:literal))? $path:literal $allow:ident { $($method:ident $handler:path),* })*) => {
        &[$(Route {
            path: $path,
            allow: $allow,
            public: routes!(@public $kind),
            since_newer: routes!(@since_newer $($since_newer)?),
            handlers: &[$((Method::$method, $handler)),*],
        }),*]
    };
    (@public public) => { true };
    (@public signed) => { false };
    (@since_newer $since_newer:literal) => { Some($since_newer) };
    (@since_newer) => { None };
}

pub(super) static ROUTES: &[Route] = routes! {
    signed "" READ { GET system::root }
    public "version/" READ { GET system::version }
    signed "users/" LIST { GET people::list }
    signed "users/me/" READ { GET people::me }
    signed "users/*/" ITEM { GET people::retrieve, PATCH people::partial_update }
    signed "roles/" LIST { GET people::roles }
    signed "events/" READ { GET system::events }
    signed "identity-bridge/" ACTION { POST people::identity_bridge }
    signed "identity-bridge/remove/" ACTION { POST people::identity_bridge_remove }
    signed "remote-eduteams/" ACTION { POST people::remote_eduteams }
    signed "keys/" LIST { GET people::keys }
    signed "keys/*/" ITEM { GET people::key }
    signed "customers/" LIST { GET customers::customers }
    signed "customers/*/" ITEM { GET customers::customer }
    signed "projects/" LIST { GET customers::projects, POST customers::create_project }
    signed "projects/*/" ITEM {
        GET customers::project,
        PUT customers::update_project,
        PATCH customers::update_project,
        DELETE customers::delete_project
    }
    signed "projects/*/list_users/" READ { GET customers::list_users }
    signed "projects/*/add_user/" ACTION { POST customers::add_user }
    signed "projects/*/update_user/" ACTION { POST customers::update_user }
    signed "projects/*/delete_user/" ACTION { POST customers::delete_user }

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

    public "marketplace-categories/" LIST { GET categories::list }

    signed "marketplace-resources/" LIST { GET resources::consumer_list }
    signed "marketplace-resources/*/" ITEM {
        GET resources::consumer_retrieve,
        PUT resources::changes::consumer_update,
        PATCH resources::changes::consumer_update
    }
    signed "marketplace-resources/*/team/" READ { GET resources::consumer_team }
    signed "marketplace-resources/*/plan_periods/" READ { GET resources::consumer_plan_periods }
    signed "marketplace-resources/*/terminate/" ACTION { POST resources::ordering::consumer_terminate }
    signed "marketplace-provider-resources/" LIST { GET resources::provider_list }
    signed "marketplace-provider-resources/*/" ITEM {
        GET resources::provider_retrieve,
        PUT resources::changes::provider_update,
        PATCH resources::changes::provider_update
    }
    signed "marketplace-provider-resources/*/team/" READ { GET resources::provider_team }
    signed "marketplace-provider-resources/*/plan_periods/" READ { GET resources::provider_plan_periods }
    signed "marketplace-provider-resources/*/set_backend_id/" ACTION { POST resources::changes::set_backend_id }
    signed "marketplace-provider-resources/*/set_backend_metadata/" ACTION {
        POST resources::changes::set_backend_metadata
    }
    signed("marketplace_provider_resources_set_endpoints") "marketplace-provider-resources/*/set_endpoints/" ACTION {
        POST resources::changes::set_endpoints
    }
    signed "marketplace-provider-resources/*/submit_report/" ACTION { POST resources::changes::submit_report }
    signed "marketplace-provider-resources/*/set_limits/" ACTION { POST resources::changes::set_limits }
    signed "marketplace-provider-resources/*/set_as_ok/" ACTION { POST resources::changes::set_as_ok }
    signed "marketplace-provider-resources/*/set_as_erred/" ACTION { POST resources::changes::set_as_erred }
    signed "marketplace-provider-resources/*/refresh_last_sync/" ACTION { POST resources::changes::refresh_last_sync }
    signed "marketplace-provider-resources/*/terminate/" ACTION { POST resources::ordering::provider_terminate }

    signed "marketplace-provider-resources/*/details/" READ { GET resources::details }
    signed "marketplace-provider-resources/*/offering/" READ { GET resources::offering }
    signed "marketplace-provider-resources/*/glauth_users_config/" READ { GET resources::glauth_users_config }
    signed "marketplace-provider-resources/*/set_state_ok/" ACTION { POST resources::changes::set_state_ok }
    signed "marketplace-provider-resources/*/set_paused/" ACTION { POST resources::changes::set_flag }
    signed "marketplace-provider-resources/*/set_downscaled/" ACTION { POST resources::changes::set_flag }
    signed "marketplace-provider-resources/*/set_restrict_member_access/" ACTION { POST resources::changes::set_flag }
    signed "marketplace-provider-resources/*/set_end_date_by_provider/" ACTION { POST resources::changes::set_end_date }
    signed "marketplace-provider-resources/*/set_end_date_by_staff/" ACTION {
        POST resources::changes::set_end_date_by_staff
    }
    signed "marketplace-provider-resources/*/set_keycloak_scopes/" ACTION { POST resources::changes::set_property }
    signed "marketplace-provider-resources/*/update_options_direct/" ACTION { POST resources::changes::set_property }
    signed "marketplace-provider-resources/*/update_options/" ACTION { POST resources::changes::update_options }
    signed "marketplace-provider-resources/*/set_slug/" ACTION { POST resources::changes::set_slug }
    signed "marketplace-provider-resources/*/unlink/" ACTION { POST resources::changes::unlink }
    signed "marketplace-provider-resources/*/pull/" ACTION { POST resources::pull }

    signed "marketplace-orders/" LIST { GET orders::list, POST orders::create::create }
    signed "marketplace-orders/*/" ITEM {
        GET orders::retrieve,
        PUT orders::update,
        PATCH orders::update,
        DELETE orders::transitions::destroy
    }
    signed "marketplace-orders/*/offering/" READ { GET orders::offering }
    signed "marketplace-orders/*/set_backend_id/" ACTION { POST orders::set_backend_id }
    signed "marketplace-orders/*/set_provider_info/" ACTION { POST orders::set_provider_info }
    signed "marketplace-orders/*/set_consumer_info/" ACTION { POST orders::set_consumer_info }
    signed "marketplace-orders/*/unlink/" ACTION { POST orders::unlink }
    signed "marketplace-orders/*/approve_by_provider/" ACTION { POST orders::transitions::approve_by_provider }
    signed "marketplace-orders/*/reject_by_provider/" ACTION { POST orders::transitions::reject_by_provider }
    signed "marketplace-orders/*/approve_by_consumer/" ACTION { POST orders::transitions::approve_by_consumer }
    signed "marketplace-orders/*/reject_by_consumer/" ACTION { POST orders::transitions::reject_by_consumer }
    signed "marketplace-orders/*/cancel/" ACTION { POST orders::transitions::cancel }
    signed "marketplace-orders/*/set_state_executing/" ACTION { POST orders::transitions::set_state_executing }
    signed "marketplace-orders/*/set_state_done/" ACTION { POST orders::transitions::set_state_done }
    signed "marketplace-orders/*/set_state_erred/" ACTION { POST orders::transitions::set_state_erred }

    signed "marketplace-component-usages/" LIST { GET usages::list }
    signed "marketplace-component-usages/set_usage/" ACTION { POST usages::report::set_usage }
    signed "marketplace-component-usages/*/" ITEM { GET usages::retrieve }
    signed "marketplace-component-usages/*/set_user_usage/" ACTION { POST usages::shares::set_user_usage }
    signed "marketplace-component-usages/*/set_user_usages/" ACTION { POST usages::shares::set_user_usages }
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

    signed "marketplace-provider-offerings/*/create_offering_component/" ACTION { POST offerings::changes::create_component }
    signed "marketplace-provider-offerings/*/update_offering_component/" ACTION { POST offerings::changes::update_component }
    signed "marketplace-provider-offerings/*/remove_offering_component/" ACTION { POST offerings::changes::remove_component }
    signed "marketplace-provider-offerings/*/add_endpoint/" ACTION { POST offerings::changes::add_endpoint }
    signed "marketplace-provider-offerings/*/delete_endpoint/" ACTION { POST offerings::changes::delete_endpoint }
    signed "marketplace-provider-offerings/*/set_backend_metadata/" ACTION { POST offerings::changes::set_backend_metadata }
    signed "marketplace-provider-offerings/*/check_unique_backend_id/" ACTION { POST offerings::changes::check_unique_backend_id }
    signed "marketplace-provider-offerings/*/user-attribute-config/" READ { GET offerings::changes::user_attributes }
    signed "marketplace-provider-offerings/*/glauth_users_config/" READ { GET offerings::glauth_users_config }
    signed "marketplace-provider-offerings/*/list_course_accounts/" READ { GET offerings::course_accounts }
    signed "marketplace-provider-offerings/*/list_project_service_accounts/" READ { GET offerings::project_service_accounts }
    signed "marketplace-provider-offerings/*/list_customer_service_accounts/" READ { GET offerings::customer_service_accounts }
    signed "marketplace-provider-offerings/*/list_customer_projects/" READ { GET offerings::projects }
    signed "marketplace-provider-offerings/*/list_customer_users/" READ { GET offerings::users }
    signed "marketplace-provider-offerings/*/customers/" READ { GET offerings::customers }
    signed "marketplace-provider-offerings/*/orders/" READ { GET offerings::orders }
    signed "marketplace-provider-offerings/*/update-user-attribute-config/" CONFIG {
        POST offerings::changes::update_user_attributes,
        PUT offerings::changes::update_user_attributes,
        PATCH offerings::changes::update_user_attributes
    }
    signed "marketplace-plans/*/" ITEM { GET offerings::plan }
    public "marketplace-public-offerings/*/plans/" READ { GET offerings::public_plans }
    public "marketplace-public-offerings/*/plans/*/" READ { GET offerings::public_plan }
    signed "marketplace-resources/*/update_limits/" ACTION { POST resources::ordering::update_limits }
    signed "marketplace-resources/*/renew/" ACTION { POST resources::ordering::renew }
    signed "marketplace-resources/*/switch_plan/" ACTION { POST resources::ordering::switch_plan }
    signed "marketplace-resources/*/restore/" ACTION { POST resources::ordering::restore }

    signed "invoices/" READ { GET invoices::list }
    signed "invoices/*/" READ { GET invoices::retrieve }
    signed "user-invitations/" LIST { GET invitations::list, POST invitations::create }
    signed "user-invitations/*/" ITEM { GET generic::retrieve }
    signed "user-invitations/*/send/" ACTION { POST invitations::send }
    signed "user-invitations/*/cancel/" ACTION { POST invitations::cancel }

    signed "marketplace-robot-accounts/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-robot-accounts/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-project-service-accounts/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-project-service-accounts/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-customer-service-accounts/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-customer-service-accounts/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-course-accounts/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-course-accounts/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "marketplace-site-agent-identities/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-site-agent-identities/cleanup_orphaned/" ACTION { POST generic::agents::cleanup }
    signed "marketplace-site-agent-identities/*/" PUTTABLE { GET generic::retrieve, PUT generic::update, DELETE generic::destroy }
    signed "marketplace-site-agent-services/" READ { GET generic::list }
    signed "marketplace-site-agent-services/cleanup_stale/" ACTION { POST generic::agents::cleanup }
    signed "marketplace-site-agent-services/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "marketplace-site-agent-processors/" READ { GET generic::list }
    signed "marketplace-site-agent-processors/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "event-subscriptions/" LIST { GET generic::list, POST generic::subscriptions::create }
    signed "event-subscriptions/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "event-subscription-queues/" READ { GET generic::list }
    signed "event-subscription-queues/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed("event_consumers_list") "event-consumers/" READ { GET generic::consumers::list }
    signed("event_consumers_register") "event-consumers/register/" ACTION { POST generic::consumers::register }
    signed("event_consumers_destroy") "event-consumers/*/" DELETED { DELETE generic::consumers::destroy }
    signed "backend-resources/" LIST { GET generic::list, POST generic::create }
    signed "backend-resources/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "backend-resource-requests/" LIST { GET generic::list, POST generic::create }
    signed "backend-resource-requests/*/" READ { GET generic::retrieve }
    signed "component-user-usage-limits/" LIST { GET generic::list, POST generic::create }
    signed "component-user-usage-limits/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-resource-users/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-resource-users/*/" DELETABLE { GET generic::retrieve, DELETE generic::destroy }
    signed "marketplace-offering-user-roles/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-offering-user-roles/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-slurm-periodic-usage-policies/" LIST { GET generic::list, POST generic::create }
    signed "marketplace-slurm-periodic-usage-policies/*/" ITEM { GET generic::retrieve, PUT generic::update, PATCH generic::update, DELETE generic::destroy }
    signed "marketplace-robot-accounts/*/set_state_creating/" ACTION { POST generic::act }
    signed "marketplace-robot-accounts/*/set_state_ok/" ACTION { POST generic::act }
    signed "marketplace-robot-accounts/*/set_state_erred/" ACTION { POST generic::act }
    signed "marketplace-robot-accounts/*/set_state_request_deletion/" ACTION { POST generic::act }
    signed "marketplace-robot-accounts/*/set_state_deleted/" ACTION { POST generic::act }
    signed "marketplace-project-service-accounts/*/rotate_api_key/" ACTION { POST generic::rotate_api_key }
    signed "marketplace-customer-service-accounts/*/rotate_api_key/" ACTION { POST generic::rotate_api_key }
    signed "backend-resource-requests/*/start_processing/" ACTION { POST generic::act }
    signed "backend-resource-requests/*/set_done/" ACTION { POST generic::act }
    signed "backend-resource-requests/*/set_erred/" ACTION { POST generic::act }
    signed "marketplace-site-agent-identities/*/register_service/" ACTION { POST generic::agents::register }
    signed "marketplace-site-agent-identities/*/register_event_subscription/" ACTION { POST generic::subscriptions::register_event_subscription }
    signed("marketplace_site_agent_identities_register_queue") "marketplace-site-agent-identities/*/register_queue/" ACTION {
        POST generic::consumers::register_queue
    }
    signed "marketplace-site-agent-services/*/register_processor/" ACTION { POST generic::agents::register }
    signed "marketplace-site-agent-services/*/set_statistics/" ACTION { POST generic::agents::set_statistics }
    signed "event-subscriptions/*/create_queue/" ACTION { POST generic::subscriptions::create_queue }
    signed "backend-resources/*/import_resource/" ACTION { POST generic::agents::import_resource }
    signed "marketplace-slurm-periodic-usage-policies/*/report-command-result/" ACTION { POST generic::agents::report_command_result }
};
