"""Types that openapi-typescript makes of the OpenAPI document, compiled strictly with a program that uses them; the
program runs against the service. The widget's own types are compiled too."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service.compose.test_guide import DRAFT, ROOT
from tests.service.running import Running, running, settings_for

PACKAGES = ("openapi-typescript@^7.13", "openapi-fetch@^0.17", "typescript@^5.9")
OPTIONS = ("--default-non-nullable=false",)
"""What has a default may be left out of a request; the guide says so."""
COMPILER = {
    "strict": True, "exactOptionalPropertyTypes": True, "noUncheckedIndexedAccess": True, "skipLibCheck": False,
    "module": "nodenext", "target": "es2022", "lib": ["es2022", "dom"], "types": [],
}  # fmt: skip
CALLS = """
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];
declare const process: { argv: string[]; env: Record<string, string | undefined> };
const [support_id, subject, body] = process.argv.slice(2) as [string, string, string];
const draft: Schemas["DraftIn"] = { support_id, subject, body };
const headers = { Authorization: `Bearer ${process.env.SCREENING_KEY}` };
const client = createClient<paths>({ baseUrl: process.env.SCREENING_URL!, headers });
const once = { params: { header: { "Idempotency-Key": "typed-1" } } };

const sent = await client.POST("/screen", { body: draft, ...once });
const again = await client.POST("/screen", { body: draft, ...once });
if (!sent.data || !again.data) throw new Error(sent.error?.detail ?? "no answer");
const decision: Schemas["Decision"] = sent.data.decision;
const label: Schemas["LabelName"] | undefined = sent.data.labels.find((one) => one.asserted)?.label;
const policies: string[] = sent.data.findings.map((finding) => finding.policy_url);
const path = { screening_id: sent.data.screening_id! };
const stored = await client.GET("/screenings/{screening_id}", { params: { path } });
const drafts = [draft, { ...draft, customer_message: "Hello" }];
const batch = await client.POST("/screen/batch", { body: { drafts } });
const kinds = batch.data?.answers.map((one) => ("decision" in one ? one.decision : one.type));
const spent = await client.POST("/passes/redeem", { body: { token: sent.data.pass!, ...draft } });
const policy = await client.GET("/policy");
const refused = await client.POST("/screen", { body: { ...draft, customer_message: "Hello" } });
const field: string | undefined = refused.error?.errors?.[0]?.field;
// @ts-expect-error: a decision is one of three
const never: Schemas["Decision"] = "perhaps";

console.log(JSON.stringify({
  decision, label, policies, same: again.data.screening_id === sent.data.screening_id, stored: stored.data?.draft?.body,
  kinds, spent: spent.data?.valid, sections: policy.data?.sections.length, refused: [refused.error?.type, field],
}));
"""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generator, the compiler and the types that were made."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("NOT TESTED: types for TypeScript (node and npm are not installed)")
    folder = tmp_path_factory.mktemp("typed")
    (folder / "package.json").write_text("{}", "utf-8")
    install = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES]
    if subprocess.run(install, cwd=folder, capture_output=True, timeout=300).returncode:
        pytest.skip(f"NOT TESTED: types for TypeScript ({', '.join(PACKAGES)} do not install)")
    document = ROOT / "service" / "openapi.json"
    made = program(folder, "openapi-typescript", str(document), *OPTIONS, "--output", "schema.d.ts")
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(settings_for(tmp_path_factory.mktemp("service"), time_budget_ms=60_000)) as started:
        yield started


def program(folder: Path, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(folder / "node_modules" / ".bin" / name), *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)


def test_types_of_the_document_compile_and_call_the_service(workshop: Path, service: Running) -> None:
    (workshop / "calls.mts").write_text(CALLS, "utf-8")
    settings = {"compilerOptions": COMPILER, "files": ["calls.mts", "schema.d.ts"]}
    (workshop / "tsconfig.json").write_text(json.dumps(settings), "utf-8")
    compiled = program(workshop, "tsc", "--project", ".")
    assert compiled.returncode == 0, compiled.stdout
    key = service.client.headers["authorization"].removeprefix("Bearer ")
    done = subprocess.run(
        ["node", "calls.mjs", DRAFT["support_id"], DRAFT["subject"], DRAFT["body"]],
        cwd=workshop, env=os.environ | {"SCREENING_URL": service.url, "SCREENING_KEY": key},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["decision"], said["label"], said["same"], said["spent"]) == ("allow", "address_request", True, True)
    assert said["stored"] == DRAFT["body"]
    assert said["kinds"] == ["allow", "urn:draft-screening:problem:invalid"]
    assert said["sections"] == len(service.client.get("/policy").json()["sections"])
    assert said["refused"] == ["urn:draft-screening:problem:invalid", "customer_message"]


def test_the_widgets_types_compile(workshop: Path) -> None:
    shutil.copy(ROOT / "service" / "compose" / "static" / "draft-screen.d.ts", workshop)
    compiled = program(workshop, "tsc", "--strict", "--noEmit", "--lib", "es2022,dom", "draft-screen.d.ts")
    assert compiled.returncode == 0, compiled.stdout
