"""Tables as CSV files for a spreadsheet."""

import csv
import io
from collections.abc import Iterable

from fastapi import Response

from classifier.csv_cells import harmless
from service.review.web.pages import HEADERS


def csv_response(name: str, rows: Iterable[Iterable[object]]) -> Response:
    """Rows as a CSV file. A cell that a spreadsheet would run as a formula gets an apostrophe."""
    target = io.StringIO()
    writer = csv.writer(target)
    for row in rows:
        writer.writerow([harmless(cell) for cell in row])
    headers = {**HEADERS, "content-disposition": f'attachment; filename="{name}"'}
    return Response(target.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)
