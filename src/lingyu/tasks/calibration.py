"""What is found beside the weights, so that logits become honest answers."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

Finite = Annotated[float, Field(allow_inf_nan=False)]


class Calibration(BaseModel):
    """temperature: divides the logits before a softmax. thresholds: multi_label's probability for each label, 0.5 for
    all where it is empty. offset, scale: regression's value is offset + scale * logit.

    Written into a manifest as it stands; what is at its default is left out, but for the temperature.
    """

    # "allow", not "ignore": what a later lingyu wrote can then be named
    model_config = ConfigDict(frozen=True, strict=True, extra="allow")

    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    thresholds: tuple[Annotated[float, Field(ge=0, le=1)], ...] = ()
    offset: Finite = 0.0
    scale: Finite = 1.0

    @model_serializer(mode="wrap")
    def _without_defaults(self, plain: SerializerFunctionWrapHandler) -> dict[str, object]:
        written: dict[str, object] = plain(self)
        for key in ("thresholds", "offset", "scale"):
            if getattr(self, key) == type(self).model_fields[key].default:
                del written[key]
        return written


PLAIN = Calibration()
