"""Loss schedules: the chosen loss from the first step, after a start with cross-entropy, or mixed in linearly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from igbviz.losses import CrossEntropy, Loss
from igbviz.spec import Spec, any_of, by_name


@dataclass(frozen=True)
class Mixture:
    """(1 - share) cross-entropy + share loss, with the methods of a `Loss` that training calls.

    >>> mixture = igbviz.schedules.Mixture(igbviz.losses.MeanAbsoluteError(), share=0.5)
    >>> mixture.values(torch.zeros(2, 4), torch.tensor([0, 3]))
    tensor([1.0681, 1.0681])
    """

    loss: Loss
    share: float

    def values(self, logits: Any, labels: Any) -> Any:
        """(batch,) values, as of a `Loss`."""
        return self._mixed(CrossEntropy().values(logits, labels), self.loss.values(logits, labels))

    def values_in_batch(self, logits: Any, labels: Any) -> Any:
        """(batch,) values in a batch of exactly these samples."""
        return self._mixed(CrossEntropy().values_in_batch(logits, labels), self.loss.values_in_batch(logits, labels))

    def batch_loss(self, logits: Any, labels: Any, parameters: Any = ()) -> Any:
        """The scalar that a training step minimizes."""
        return self._mixed(
            CrossEntropy().batch_loss(logits, labels, parameters), self.loss.batch_loss(logits, labels, parameters)
        )

    descend: ClassVar[Callable[..., Any]] = Loss.descend  # the default: autograd, no gradient in closed form

    def _mixed(self, start: Any, end: Any) -> Any:
        return (1 - self.share) * start + self.share * end


class Schedule(Spec):
    """Which loss each step of a run descends.

    >>> schedule = igbviz.schedules.Switch(duration=2)
    >>> schedule.at(step=0, steps_per_epoch=100, loss=igbviz.losses.Blurry()).name
    'cross-entropy'
    """

    title: ClassVar[str]

    def at(self, step: int, steps_per_epoch: int, loss: Loss) -> Loss | Mixture:
        """The loss that optimizer step number `step` (from 0) descends."""
        raise NotImplementedError

    def mark(self, steps_per_epoch: int) -> tuple[float, str] | None:
        """(epoch, label) of the time the loss takes over, for a line on the charts; None if it acts from the start."""
        return None


class Immediate(Schedule):
    """The loss acts from the first step (d = 0 in the paper)."""

    name: Literal["immediate"] = "immediate"
    title: ClassVar[str] = "the loss from the first step"

    def at(self, step: int, steps_per_epoch: int, loss: Loss) -> Loss:
        return loss


class Delayed(Schedule):
    """Base of the two schedules that start with cross-entropy: a duration d, and a mark at its end.

    >>> igbviz.schedules.Switch(duration=0.5).steps(steps_per_epoch=100)
    50
    """

    mark_label: ClassVar[str]

    duration: float = Field(
        default=1.0, ge=0, le=10_000, description="Duration, d in the papers; a fraction of an epoch is allowed."
    )
    unit: Literal["epochs", "steps"] = Field(default="epochs", description="Unit of the duration.")

    def steps(self, steps_per_epoch: int) -> int:
        """The duration in optimizer steps."""
        return round(self.duration * (steps_per_epoch if self.unit == "epochs" else 1))

    def mark(self, steps_per_epoch: int) -> tuple[float, str]:
        return self.steps(steps_per_epoch) / steps_per_epoch, self.mark_label


class Switch(Delayed):
    """Cross-entropy for d epochs, then the loss: the usual warm-up of robust losses."""

    name: Literal["switch"] = "switch"
    title: ClassVar[str] = "cross-entropy first, then the loss"
    mark_label: ClassVar[str] = "loss switches"

    def at(self, step: int, steps_per_epoch: int, loss: Loss) -> Loss:
        return CrossEntropy() if step < self.steps(steps_per_epoch) else loss


class Mix(Delayed):
    """From cross-entropy to the loss, mixed linearly over d epochs."""

    name: Literal["mix"] = "mix"
    title: ClassVar[str] = "mixed in linearly"
    mark_label: ClassVar[str] = "mixed in fully"

    def at(self, step: int, steps_per_epoch: int, loss: Loss) -> Loss | Mixture:
        end = self.steps(steps_per_epoch)
        return Mixture(loss, step / end) if step < end else loss


SCHEDULES = by_name(Immediate, Switch, Mix)
if TYPE_CHECKING:  # one of the registry, or its fields as a mapping
    AnySchedule: TypeAlias = Any
else:
    AnySchedule = any_of(SCHEDULES)
