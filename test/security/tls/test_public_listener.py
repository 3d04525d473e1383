"""The public listener as sslyze sees it: Mozilla's intermediate profile, and no known weakness of a TLS library."""

from pathlib import Path
from urllib.parse import urlparse

import pytest
from sslyze import (
    ScanCommand,
    ScanCommandAttemptStatusEnum,
    ScanCommandsExtraArguments,
    Scanner,
    ServerNetworkConfiguration,
    ServerNetworkLocation,
    ServerScanRequest,
    ServerScanStatusEnum,
)
from sslyze.json.json_output import ServerScanResultAsJson
from sslyze.mozilla_tls_profile.tls_config_checker import (
    SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER,
    MozillaTlsConfiguration,
    ServerNotCompliantWithTlsConfiguration,
    TlsConfigurationEnum,
    check_server_against_tls_configuration,
)
from sslyze.plugins.certificate_info.implementation import CertificateInfoExtraArgument

COMMANDS = SCAN_COMMANDS_NEEDED_BY_MOZILLA_CHECKER | {ScanCommand.HTTP_HEADERS, ScanCommand.TLS_1_3_EARLY_DATA}


@pytest.fixture(scope="module")
def scan(context):
    url = urlparse(context["https"])
    authority = CertificateInfoExtraArgument(custom_ca_file=Path(context["caFile"]))
    scanner = Scanner()
    scanner.queue_scans(
        [
            ServerScanRequest(
                server_location=ServerNetworkLocation(
                    hostname=url.hostname, port=url.port, ip_address="127.0.0.1"
                ),
                network_configuration=ServerNetworkConfiguration(tls_server_name_indication=url.hostname),
                scan_commands=COMMANDS,
                scan_commands_extra_arguments=ScanCommandsExtraArguments(certificate_info=authority),
            )
        ]
    )
    (result,) = scanner.get_results()
    assert result.scan_status is ServerScanStatusEnum.COMPLETED
    return result


@pytest.fixture(scope="module")
def found(scan) -> dict:
    """What `sslyze --json_out` writes, by command; each of them must have come to an end."""
    document = ServerScanResultAsJson.model_validate(scan).model_dump(mode="json")
    results = {}
    for command in COMMANDS:
        attempt = document["scan_result"][command.value]
        assert attempt["status"] == ScanCommandAttemptStatusEnum.COMPLETED.value, command
        results[command.value] = attempt["result"]
    return results


def accepted(found, version: str) -> set[str]:
    suites = found[f"{version}_cipher_suites"]["accepted_cipher_suites"]
    return {suite["cipher_suite"]["name"] for suite in suites}


def problems(scan, profile: TlsConfigurationEnum) -> dict:
    try:
        check_server_against_tls_configuration(scan, MozillaTlsConfiguration.get(profile))
    except ServerNotCompliantWithTlsConfiguration as error:
        return error.issues
    return {}


def test_complies_with_the_intermediate_profile(scan):
    assert problems(scan, TlsConfigurationEnum.MOZILLA_INTERMEDIATE) == {}


def test_is_measured_by_a_checker_that_does_find_something(scan):
    """TLS 1.2, which we accept, is against the modern profile."""
    assert "tls_versions" in problems(scan, TlsConfigurationEnum.MOZILLA_MODERN)


@pytest.mark.parametrize("version", ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1"])
def test_refuses_old_versions(found, version):
    assert accepted(found, version) == set()


def test_has_forward_secrecy_and_authenticated_encryption_only(found):
    suites = accepted(found, "tls_1_2")
    assert suites
    for suite in suites:
        assert suite.startswith("TLS_ECDHE_"), suite
        assert "GCM" in suite or "CHACHA20_POLY1305" in suite, suite
    assert accepted(found, "tls_1_3")


def test_has_no_known_weakness(found):
    assert not found["heartbleed"]["is_vulnerable_to_heartbleed"]
    assert not found["openssl_ccs_injection"]["is_vulnerable_to_ccs_injection"]
    assert found["robot"]["robot_result"] == "NOT_VULNERABLE_RSA_NOT_SUPPORTED"
    assert not found["tls_compression"]["supports_compression"]
    assert not found["session_renegotiation"]["is_vulnerable_to_client_renegotiation_dos"]
    assert not found["tls_1_3_early_data"]["supports_early_data"]


def test_tells_browsers_to_come_back_over_https_only(found):
    header = found["http_headers"]["strict_transport_security_header"]
    assert header["max_age"] >= 60


def test_shows_a_chain_that_its_authority_vouches_for(found):
    (deployment,) = found["certificate_info"]["certificate_deployments"]
    assert any(
        validation["verified_certificate_chain"] for validation in deployment["path_validation_results"]
    )
