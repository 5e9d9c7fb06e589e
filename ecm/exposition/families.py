"""All metrics of an ECM: the table that the documentation and the tests are made of. Pure."""

from typing import Final

from ecm.exposition.gauges import GAUGES
from ecm.exposition.nodes import NUMBERS
from ecm.metrics import FIELDS, Family, Kind
from ecm.status.totals import HOWS

BUILD: Final = Family(
    "ecm_build_info", Kind.INFO, "Versions, always 1.", ("version", "python", "twisted")
)
STARTED: Final = Family(
    "ecm_start_time_seconds", Kind.GAUGE, "Time at which the supervisor, or the process, started."
)
WORKERS: Final = Family("ecm_workers", Kind.GAUGE, "Processes that serve clients.")
RESTARTS: Final = Family(
    "ecm_worker_restarts_total",
    Kind.COUNTER,
    "Workers that have ended and were replaced.",
    ("how",),
    HOWS,
)
RELOADED: Final = Family(
    "ecm_config_last_reload_success", Kind.GAUGE, "1 if the last reload has succeeded, or none was."
)
RELOADED_AT: Final = Family(
    "ecm_config_last_reload_timestamp_seconds", Kind.GAUGE, "Time of the last reload; 0 for none."
)
MEMORY: Final = Family(
    "ecm_process_resident_memory_bytes",
    Kind.GAUGE,
    "Resident memory of the processes that serve clients.",
)
CPU: Final = Family(
    "ecm_process_cpu_seconds_total",
    Kind.COUNTER,
    "CPU of the processes that serve clients, also of those that have ended.",
)
OWN_MEMORY: Final = Family(
    "process_resident_memory_bytes", Kind.GAUGE, "Resident memory of the process that tells this."
)
OWN_CPU: Final = Family(
    "process_cpu_seconds_total", Kind.COUNTER, "CPU of the process that tells this."
)

FAMILIES: Final = (
    *(BUILD, STARTED, WORKERS, RESTARTS, RELOADED, RELOADED_AT),
    *(gauge.family for gauge in GAUGES),
    *(field.metadata["family"] for field in FIELDS),
    *(number.family for number in NUMBERS),
    *(MEMORY, CPU, OWN_MEMORY, OWN_CPU),
)
