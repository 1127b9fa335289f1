# SPDX-License-Identifier: Apache-2.0
"""What a new task's rule has where nobody says."""

from medquorum.clients.admin.tasks import usual_rule


def test_new_plain_tasks_of_direction_have_drops_unless_they_say_so():
    assert usual_rule({"name": "direction"}, encrypted=False) == {"name": "direction", "drops": 4}
    assert usual_rule({"name": "direction", "drops": 0}, encrypted=False) == {"name": "direction", "drops": 0}
    assert usual_rule({"name": "direction"}, encrypted=True) == {"name": "direction"}
    assert usual_rule({"name": "strict"}, encrypted=False) == {"name": "strict"}
