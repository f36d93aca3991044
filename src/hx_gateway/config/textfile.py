"""Read a text file, or say precisely why it cannot be read."""

from pathlib import Path

from hx_gateway.config.report import Place, Report, file_place


def read_text(path: Path, declared: Place, report: Report) -> str | None:
    """Read a text file; None after saying whether it is missing, unreadable or not text."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        report.problem(declared, "", f"file not found: {path}; create it or correct the path")
    except PermissionError:
        text = f"file not readable by this user: {path}; change its owner, group or mode"
        report.problem(declared, "", text)
    except IsADirectoryError:
        report.problem(declared, "", f"is a directory, not a file: {path}; name a file in it")
    except UnicodeDecodeError:
        report.problem(file_place(path), "", "not UTF-8 text; save the file as UTF-8")
    except OSError as error:
        report.problem(declared, "", f"cannot be read: {path} ({error.strerror})")
    return None
