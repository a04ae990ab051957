"""Sets of values that the chart is rendered with: together they turn on everything."""

from typing import Any

SMALLEST: dict[str, Any] = {
    "database": {"existingSecret": "databases"},
    "store": {"uri": "s3://bucket/flytelike"},
    "auth": {"existingSecret": "words"},
}
"""What must be said."""

TRIAL: dict[str, Any] = {"trial": {"enabled": True, "secret": "only for a first look"}}

FULL: dict[str, Any] = {
    **SMALLEST,
    "commonLabels": {"team": "platform"},
    "image": {
        "repository": "registry.example/flytelike",
        "digest": f"sha256:{'0' * 64}",
        "pullSecrets": ["registry"],
        "pullPolicy": "Always",
    },
    "runtimeClassName": "gvisor",
    "store": {
        "uri": "s3://bucket/flytelike",
        "region": "eu-central-1",
        "endpoint": "https://s3.example",
        "existingSecret": "keys",
    },
    "auth": {
        "existingSecret": "words",
        "admins": ["group:platform", "user:ann"],
        "auditRetention": "90d",
        "oidc": {
            "issuer": "https://login.example/realms/x",
            "audience": "flytelike",
            "clientId": "flytelike-cli",
            "userClaim": "email",
            "groupsClaim": "realm_access.roles",
            "scopes": ["openid", "email"],
            "redirectUri": "http://localhost:1234/callback",
        },
    },
    "tls": {"existingSecret": "certificate", "propellerSecret": "propeller-certificate"},
    "controlPlane": {
        "autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9, "cpuPercent": 60},
        "drainSeconds": 10,
        "graceSeconds": 40,
        "cacheTtl": "30d",
        "cacheSize": "100GB",
        "retention": {"executions": [{"older_than": "30d", "keep_latest": 5}], "every": "12h"},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/plane"}},
        "service": {"type": "LoadBalancer", "annotations": {"example.com/internal": "true"}},
        "extraEnv": [{"name": "PYTHONASYNCIODEBUG", "value": "1"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"example.com/note": "plane"},
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "topologySpreadConstraints": [
            {"maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "DoNotSchedule"}
        ],
        "priorityClassName": "system-cluster-critical",
    },
    "propeller": {
        "replicas": 3,
        "shards": 6,
        "leaseSeconds": 20,
        "ttlSeconds": None,
        "statesTtlSeconds": 86_400,
        "pods": {"namespace": "{project}-{domain}", "most": {"cpu": "16"}},
        "serviceAccount": {"annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::1:role/propeller"}},
        "workSize": "5Gi",
        "terminationGraceSeconds": 90,
        "extraEnv": [{"name": "PYTHONASYNCIODEBUG", "value": "1"}],
        "extraVolumes": [{"name": "more", "emptyDir": {}}],
        "extraVolumeMounts": [{"name": "more", "mountPath": "/more"}],
        "podLabels": {"sidecar.istio.io/inject": "false"},
        "podAnnotations": {"example.com/note": "propeller"},
        "nodeSelector": {"pool": "platform"},
        "tolerations": [{"key": "platform", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "system-cluster-critical",
    },
    "networkPolicy": {
        "clients": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "ingress"}}}],
        "monitoring": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}],
    },
    "ingress": {
        "grpc": {
            "enabled": True,
            "className": "nginx",
            "host": "flytelike.example.com",
            "tlsSecret": "certificate",
            "annotations": {"nginx.ingress.kubernetes.io/backend-protocol": "GRPC"},
        },
        "http": {"enabled": True, "className": "nginx", "host": "data.example.com", "tlsSecret": "certificate"},
    },
    "serviceMonitor": {"enabled": True, "interval": "10s", "labels": {"release": "prometheus"}},
}

SETS = {"smallest": SMALLEST, "trial": TRIAL, "full": FULL}
