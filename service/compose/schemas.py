"""What the demonstration's send back ends are posted."""

from pydantic import BaseModel, ConfigDict, Field


class SentDraft(BaseModel):
    """The form as the page sends it: the draft, and the pass that the widget put beside it. A reply has no subject."""

    model_config = ConfigDict(extra="ignore")

    support_id: str
    subject: str = ""
    body: str
    screening_pass: str = Field(default="", max_length=8192)
