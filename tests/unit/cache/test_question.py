from hx_gateway.cache.question import Part, Question
from hx_gateway.core.call import Call, Operation
from hx_gateway.core.wire import raw

CALL = Call(id="c", operation=Operation.EMBED, dialect="d", model="m", fields={})


def test_the_question_for_a_part_is_that_of_whoever_asks_for_it_alone() -> None:
    part = Part(name="p", input=raw("a"))
    whole = Question(call=CALL, tenant="t", name="w", ttl_s=5, max_age_s=1, parts=(part, part))
    alone = Question(call=CALL, tenant="t", name="p", ttl_s=5, max_age_s=1)
    assert whole.of(part) == alone
