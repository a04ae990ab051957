"""The platform on Kubernetes: joins the control plane to the cluster's objects."""
