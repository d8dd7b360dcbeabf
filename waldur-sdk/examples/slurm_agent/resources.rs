//! The resources between orders: paused, downscaled and restored, and their limits.

use waldur_sdk::BackendId;
use waldur_sdk::agent::{AgentResource, BackendError, PulledResource, ResourceBackend, ResourceMode};

use crate::cluster::Cluster;

impl ResourceBackend for Cluster {
    async fn ready(&self) -> Result<(), BackendError> {
        self.check().await
    }

    async fn pull(&self, resource: &AgentResource, id: &BackendId) -> Result<PulledResource, BackendError> {
        let account = self.account(id).await?;
        let mode = match account.qos == self.downscaled_qos {
            _ if account.is_paused => ResourceMode::Paused,
            true => ResourceMode::Downscaled,
            false => ResourceMode::Normal,
        };
        Ok(PulledResource::new().mode(mode).limits(self.limits(&account, &resource.limits)))
    }

    async fn pause(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        Ok(self.accounts.set_paused(id.as_str(), true).await?)
    }

    async fn downscale(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        self.accounts.set_qos(id.as_str(), &self.downscaled_qos).await?;
        Ok(self.accounts.set_paused(id.as_str(), false).await?)
    }

    async fn restore(&self, _: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        // Another QOS was set by the operators.
        if self.account(id).await?.qos == self.downscaled_qos {
            self.accounts.set_qos(id.as_str(), "").await?;
        }
        Ok(self.accounts.set_paused(id.as_str(), false).await?)
    }

    async fn set_limits(&self, resource: &AgentResource, id: &BackendId) -> Result<(), BackendError> {
        let minutes = self.minutes(&resource.limits)?;
        Ok(self.accounts.set_limits(id.as_str(), &minutes).await?)
    }
}
