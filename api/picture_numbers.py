"""The numbers of a picture, from a job's report."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from spec.pictures import (
    BoundaryNumbers,
    CalibrationBin,
    CalibrationNumbers,
    ConfusionNumbers,
    LandscapeNumbers,
    PictureNumbers,
    ResidualNumbers,
    RocCurve,
    RocNumbers,
    TargetNumbers,
)

if TYPE_CHECKING:
    from model.report import Report


def numbers_of(report: "Report", name: str) -> PictureNumbers | None:
    """The numbers of the picture of this name, which is one of `report.pictures`; None of another."""
    if name not in report.pictures:
        return None
    if name == "boundary" and (drawn := report.boundary) is not None:
        fields = drawn.model_dump()
        return BoundaryNumbers(kind=fields.pop("said"), **fields)
    if name == "landscape" and report.landscape is not None:
        return LandscapeNumbers(**report.landscape.model_dump())
    part = report.test if name.startswith("test_") else report.validation
    return _of_part(part.model_dump() if part is not None else {}, name.removeprefix("test_"))


def _residuals(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"predicted": found["told"], "true": found["right"], "edges": found["edges"], "counts": found["counts"]}


def _of_part(measured: dict[str, Any], name: str) -> PictureNumbers | None:
    """A picture of the validation or of the test rows."""
    found = measured.get(name)
    match name, found:
        case "confusion", tuple():
            return ConfusionNumbers.model_validate({"labels": measured["labels"], "counts": found})
        case "roc", tuple():
            return RocNumbers(curves=tuple(RocCurve.model_validate(one) for one in found))
        case "calibration", tuple():
            return CalibrationNumbers(
                bins=tuple(
                    CalibrationBin(predicted=one["told"], observed=one["right"], rows=one["rows"]) for one in found
                )
            )
        case "residuals", dict():
            targets = [one for one in measured["targets"] if one["residuals"] is not None]
            return ResidualNumbers(
                **_residuals(found),
                targets=tuple(TargetNumbers(**_residuals(one.pop("residuals")), **one) for one in targets),
            )
    return None
