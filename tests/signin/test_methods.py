"""Which way signs in is no accident: one order, and why each earlier way is passed over."""

import os

import pytest

from reconciler.directory import methods
from reconciler.directory.methods import BY_NAME, TABLE, Missing, missing

DEAD = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": "http://127.0.0.1:1"}
SET = {name: "x" for method in TABLE for names in method.needs for name in names}


def test_the_order_is_secrets_then_federation_then_the_machine_then_people():
    assert list(BY_NAME) == [
        "client-secret",
        "client-certificate",
        "workload-identity",
        "github-actions",
        "azure-pipelines",
        "gitlab",
        "managed-identity",
        "azure-cli",
        "device-code",
    ]


@pytest.mark.parametrize("method", [each for each in TABLE if each.needs], ids=lambda each: each.name)
def test_a_way_is_set_up_by_its_variables_and_each_that_lacks_is_named(method):
    assert missing(method, SET, person=False) is None
    for names in method.needs:
        without = {name: text for name, text in SET.items() if name not in names}
        assert missing(method, without, person=False) == Missing(reason="unset", names=(names[0],))
    blank = dict.fromkeys(SET, "  ")
    firsts = tuple(names[0] for names in method.needs)
    assert missing(method, blank, person=False) == Missing(reason="unset", names=firsts)


def test_a_pipeline_of_azure_devops_may_name_its_application_by_the_service_connection():
    pipeline = {name: text for name, text in SET.items() if name != methods.CLIENT_ID}
    assert missing(BY_NAME["azure-pipelines"], pipeline, person=False) is None


def test_a_host_of_azure_says_in_the_environment_that_it_gives_out_tokens():
    for name in ("IDENTITY_ENDPOINT", "MSI_ENDPOINT"):
        assert missing(BY_NAME["managed-identity"], DEAD | {name: "http://x"}, person=False) is None


def test_a_virtual_machine_is_asked_whether_it_has_an_identity(authority):
    there = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": authority.services}
    assert missing(BY_NAME["managed-identity"], there, person=False) is None
    assert authority.paths == ["/metadata/instance"]


@pytest.mark.parametrize("status", [404, 500])
def test_what_other_clouds_have_at_that_address_is_no_identity(authority, status):
    authority.down = [status]
    there = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": authority.services}
    no = Missing(reason="no-managed-identity")
    assert missing(BY_NAME["managed-identity"], there, person=False) == no


@pytest.mark.parametrize("host", ["http://127.0.0.1:1", "http://[", "nonsense"])
def test_a_machine_without_that_service_has_no_identity(host):
    no = Missing(reason="no-managed-identity")
    nowhere = {"AZURE_POD_IDENTITY_AUTHORITY_HOST": host}
    assert missing(BY_NAME["managed-identity"], nowhere, person=False) == no


def test_the_azure_cli_has_to_be_installed(tmp_path):
    assert missing(BY_NAME["azure-cli"], {"PATH": str(tmp_path)}, person=False) == Missing(
        reason="no-azure-cli"
    )
    (tmp_path / "az").write_text("#!/bin/sh\n")
    (tmp_path / "az").chmod(0o755)
    assert missing(BY_NAME["azure-cli"], {"PATH": str(tmp_path)}, person=False) is None


def test_only_a_person_is_asked_to_type_a_code():
    assert missing(BY_NAME["device-code"], os.environ, person=False) == Missing(reason="no-terminal")
    assert missing(BY_NAME["device-code"], os.environ, person=True) is None
