"""The console of a cluster whose store is a bucket: a file that somebody chooses in the form is what the task reads."""

import asyncio
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.console.conftest import PATIENCE_MS, chromium, is_fault, missing_or_skip
from tests.kube.cluster_site import BUCKET, REGION, Bucket, ClusterSite, cluster
from tests.kube.control_plane import ControlPlane
from tests.kube.fake_kubelet import FakeKubelet
from tests.services.kubernetes import connected

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]

ORDERS = b"tea\ncoffee\nmilk\n"
FLOWS = """
from pathlib import Path

from flytelike import task, workflow
from flytelike.types.file import FlyteFile


@task
def count(orders: FlyteFile) -> FlyteFile:
    found = Path("found.txt").absolute()
    found.write_text(f"{len(Path(orders).read_text().splitlines())} orders were read")
    return FlyteFile(str(found))


@workflow
def counting(orders: FlyteFile) -> FlyteFile:
    return count(orders=orders)
"""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with Bucket().running() as running:
        yield running


@pytest.fixture
def site(api_server: ControlPlane, postgres_url: str, bucket: Bucket, tmp_path: Path) -> Iterator[ClusterSite]:
    missing_or_skip()
    site = ClusterSite(tmp_path, api_server, postgres_url, bucket, f"p{secrets.token_hex(4)}")
    (tmp_path / "flows.py").write_text(FLOWS)
    api_server.kubectl("create", "namespace", site.namespace)
    yield site
    site.end()


def test_upload_a_file_into_a_bucket_and_see_what_the_task_read(site: ClusterSite) -> None:
    async def main() -> None:
        async with (
            asyncio.timeout(280),
            connected(site.kube) as client,
            cluster(site, replicas=1, operators=1) as (clients, _),
            FakeKubelet(client, site.pods_selector),
        ):
            for done in (
                await asyncio.to_thread(site.cli_project, clients.address),
                await asyncio.to_thread(site.cli, clients.address, "register", "flows.py"),
            ):
                assert done.code == 0, done.stderr
            try:
                await asyncio.to_thread(somebody_uploads, site)
            except BaseException:
                print(site.said())
                raise

    asyncio.run(main())
    assert uploaded(site.bucket, f"{site.project}/uploads/{site.project}/development/") == [ORDERS]


def somebody_uploads(site: ClusterSite) -> None:
    """Go through the pages in a browser of this thread's own."""
    faults: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(reduced_motion="reduce")
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        page.on("console", lambda told: faults.append(told.text) if is_fault(told) else None)
        page.goto(f"http://{site.replicas[0].http}/console/p/{site.project}/development/launch/flows.counting")
        page.get_by_label("Token").fill(site.secret.read_text().strip())
        page.get_by_role("button", name="Sign in").click()
        page.get_by_label("or upload").set_input_files(
            {"name": "my orders.txt", "mimeType": "text/plain", "buffer": ORDERS}
        )
        expect(page.get_by_text("sent", exact=True)).to_be_visible()
        address = page.get_by_placeholder("uri, such as s3://bucket/file.csv")
        assert address.input_value().startswith(f"s3://{BUCKET}/{site.project}/uploads/{site.project}/development/")
        page.get_by_role("button", name="Launch").click()
        expect(page.locator(".head").first.get_by_text("succeeded", exact=True)).to_be_visible()
        page.get_by_role("tab", name="Inputs and outputs").click()
        expect(page.get_by_role("region", name="Inputs")).to_contain_text("coffee")
        expect(page.get_by_role("region", name="Outputs")).to_contain_text("3 orders were read")
        browser.close()
    assert faults == []


def uploaded(bucket: Bucket, prefix: str) -> list[bytes]:
    """Return the texts that lie in the bucket below a prefix."""
    import boto3

    given = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
    client = boto3.client("s3", endpoint_url=bucket.endpoint, region_name=REGION, **given)
    found = client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    texts = [
        client.get_object(Bucket=BUCKET, Key=it["Key"])["Body"].read() for it in found if it["Key"].endswith(".txt")
    ]
    client.close()
    return texts
