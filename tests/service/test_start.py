"""Where processes of the service begin."""

import gc

from recommend_service.start import create_app


def test_garbage_is_looked_for_again_once_the_service_is_imported() -> None:
    assert create_app().title == "Related Articles"
    assert gc.isenabled()
