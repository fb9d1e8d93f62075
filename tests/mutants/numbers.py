"""Bugs in reading numbers from outside, in answering batches, and in watching the event loop."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutation import Mutation

PARSER: Final = "core/model/numbers.py"
WATCHDOG: Final = "desk/watches/watchdog.py"
TEXTS_TEST: Final = "tests/core/model/test_numbers.py::test_a_text_is_read_exactly_or_refused_with_the_reason"
VALUES_TEST: Final = "tests/core/model/test_numbers.py::test_a_value_of_json_or_of_a_caller"
UNITS_TEST: Final = "tests/core/model/test_numbers.py::test_a_number_in_units"
STORIES_TEST: Final = "tests/desk/watches/test_watchdog.py::test_a_step_is_told_and_ended_and_a_pause_does_not_count"

NUMBERS: Final = (
    Mutation(
        "exponent of a number without a lower bound",
        PARSER,
        "    if exponent < -DECIMALS_MAX:\n",
        "    if exponent < -(10**9):\n",
        TEXTS_TEST,
    ),
    Mutation(
        "size of a number without a bound",
        PARSER,
        "    if read.adjusted() >= WHOLE_DIGITS_MAX:\n",
        "    if read.adjusted() >= 10**9:\n",
        TEXTS_TEST,
    ),
    Mutation(
        "digits of other scripts read",
        PARSER,
        '_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?([0-9]+))?")\n',
        '_NUMBER: Final = re.compile(r"[+-]?(\\d+(\\.\\d*)?|\\.\\d+)([eE][+-]?(\\d+))?")\n',
        TEXTS_TEST,
    ),
    Mutation(
        "decimals of an amount cut off",
        PARSER,
        "    return units if units == moved else None\n",
        "    return units\n",
        UNITS_TEST,
    ),
    Mutation(
        "number of a caller not checked",
        PARSER,
        "        return _bounded(value, value)\n    if isinstance(value, BadNumber)",
        "        return value\n    if isinstance(value, BadNumber)",
        VALUES_TEST,
    ),
    Mutation(
        "JSON decoded into any Decimal",
        "http/commands/bodies.py",
        "float_hook=json_number",
        "float_hook=__import__('decimal').Decimal",
        "tests/test_number_rule.py::test_numbers_from_outside_are_read_in_one_place",
    ),
    Mutation(
        "failure of one signal fails its batch",
        "http/intake.py",
        "        except Exception as fault:\n",
        "        except MemoryError as fault:\n",
        "tests/http/test_inside.py::test_a_failure_of_the_desk_is_the_answer_of_its_signal_alone",
    ),
    Mutation(
        "a stop of the engine told before earlier decisions",
        "desk/submit.py",
        "        except EngineStopped as stopped:\n"
        '            return {"signal_id": signal.id, "status": STOPPING, "error": str(stopped)}\n',
        "        except EngineStopped:\n            raise\n",
        "tests/desk/test_submit.py::test_what_was_decided_before_the_desk_stopped_is_told_first",
    ),
    Mutation(
        "reader ended by an object of its caller",
        "signals/decode.py",
        "    except Exception as fault:\n",
        "    except MemoryError as fault:\n",
        "tests/test_number_doors.py::test_the_python_reader_outlives_the_objects_of_its_caller",
    ),
    Mutation(
        "pause of the machine counted as a step",
        WATCHDOG,
        "        return min(passed_ns, max(LOOK_MAX_NS, worked_ns))\n",
        "        return passed_ns\n",
        STORIES_TEST,
    ),
    Mutation(
        "call of C that held up the watchdog not counted",
        WATCHDOG,
        "        return min(passed_ns, max(LOOK_MAX_NS, worked_ns))\n",
        "        return min(passed_ns, LOOK_MAX_NS)\n",
        STORIES_TEST,
    ),
    Mutation(
        "step goes on over a beat",
        WATCHDOG,
        "            self._step_ns, self._told = 0, False\n",
        "            self._told = False\n",
        STORIES_TEST,
    ),
    Mutation(
        "amounts told as floats",
        "text/printable.py",
        "        return value.exact\n",
        "        return str(float(value))\n",
        "tests/signals/test_signals.py::test_a_quantity_that_is_told_names_the_same_units_again",
    ),
    Mutation(
        "noise of floats cut from a string",
        "signals/validation.py",
        "cut = 0 if isinstance(self.fields[field], str) else scaled_down(read, decimals)",
        "cut = scaled_down(read, decimals)",
        "tests/signals/test_signals.py::test_a_string_is_exact_and_a_number_that_is_cut_to_nothing_is_refused",
    ),
)
