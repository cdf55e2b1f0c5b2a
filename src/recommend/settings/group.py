"""What all groups of settings have in common."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Settings that belong together; a name that is none of them is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)
