"""C++ sources as ci/mutants needs them: tokens, functions, conditions and simple statements.

No parser: the sources are formatted by .clang-format, so a binary operator has a blank on either
side and a template's bracket has none. What is read wrongly makes a mutant that does not compile,
which costs seconds and is counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<quiet>\s+ | //[^\n]* | /\*.*?\*/ | ^[ ]*\#[^\n]*(?:\\\n[^\n]*)*)
      | (?P<string>"(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])+')
      | (?P<number>(?:0x[0-9a-fA-F']+|\d[\d']*)[uUlL]*)
      | (?P<word>[A-Za-z_]\w*)
      | (?P<op><<=|>>=|->|\+\+|--|<=|>=|==|!=|&&|\|\||<<|>>|\+=|-=|\*=|/=|%=|&=|\|=|\^=|::|.)""",
    re.S | re.X | re.M,
)
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_SCOPES = {"namespace", "class", "struct", "union", "enum"}
# `Type name`, then what a declaration goes on with; an expression has an operator between words.
_DECLARATION = re.compile(
    r"(?:const|constexpr|static|auto|using)\b"
    r"|[\w:]+(?:<[^;]*?>)?(?:\s*[&*])*\s+[&*]*\w+\s*(?:[=;({]|$)"
)


@dataclass(frozen=True)
class Token:
    kind: str  # string, number, word, op
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


@dataclass(frozen=True)
class Function:
    name: str
    void: bool
    first: int  # tokens: the braces of the body
    last: int


@dataclass(frozen=True)
class Condition:
    """Of an `if`, a `while` or a `?:`; tokens [first, last]."""

    first: int
    last: int


@dataclass(frozen=True)
class Statement:
    """A simple one, which ends in a semicolon; tokens [first, last], the semicolon is the last."""

    first: int
    last: int
    guarded: bool  # the only statement of an `if`, `else` or loop
    declares: bool


class Source:
    """A file and what is in it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = [
            Token(match.lastgroup or "", match[0], match.start())
            for match in _TOKEN.finditer(text)
            if match.lastgroup != "quiet"
        ]
        self.functions = list(self._functions())

    def line(self, at: int) -> int:
        return self.text.count("\n", 0, at) + 1

    def line_text(self, at: int) -> str:
        return self.text.splitlines()[self.line(at) - 1].strip()

    def span(self, first: int, last: int) -> str:
        return self.text[self.tokens[first].start : self.tokens[last].end]

    def spaced(self, index: int) -> bool:
        """Whether a token stands between blanks, as a binary operator does."""
        token = self.tokens[index]
        return self.text[token.start - 1].isspace() and self.text[token.end].isspace()

    def match(self, index: int) -> int:
        """The token that closes the bracket at `index`."""
        depth = 0
        for at in range(index, len(self.tokens)):
            text = self.tokens[at].text
            if text in _PAIRS and self.tokens[at].kind == "op":
                depth += 1
            elif text in _PAIRS.values() and self.tokens[at].kind == "op":
                depth -= 1
                if depth == 0:
                    return at
        raise ValueError(f"line {self.line(self.tokens[index].start)}: a bracket without its end")

    def _functions(self) -> Iterator[Function]:
        at = head = 0
        while at < len(self.tokens):
            text = self.tokens[at].text
            if text in ("(", "["):
                at = self.match(at)
            elif text in (";", "}"):
                head = at + 1
            elif text == "{":
                words = [token.text for token in self.tokens[head:at]]
                if _SCOPES & set(words):
                    head = at + 1
                elif "(" in words:
                    close = self.match(at)
                    name = words[words.index("(") - 1]
                    yield Function(name, "void" in words[: words.index("(")], at, close)
                    at, head = close, close + 1
                else:
                    at = self.match(at)  # the initial value of a member
            at += 1

    def constants(self) -> Iterator[tuple[str, int, int]]:
        """Name and value, tokens [first, last], of each `constexpr` outside of functions."""
        inside = {at for f in self.functions for at in range(f.first, f.last + 1)}
        for at, token in enumerate(self.tokens):
            if token.text != "constexpr" or at in inside:
                continue
            equals = end = at
            while self.tokens[end].text not in (";", "{", "("):
                equals = end if self.tokens[end].text == "=" else equals
                end += 1
            while equals > at and self.tokens[end].text != ";":
                end = self.match(end) + 1 if self.tokens[end].text in _PAIRS else end + 1
            if equals > at:
                yield self.tokens[equals - 1].text, equals + 1, end - 1

    def conditions(self, function: Function) -> Iterator[Condition]:
        for at in range(function.first, function.last):
            text = self.tokens[at].text
            if text in ("if", "while"):
                first, last = at + 2, self.match(at + 1) - 1
                inner = [token.text for token in self.tokens[first : last + 1]]
                if ";" in inner:
                    first += inner.index(";") + 1
                elif "=" in inner:
                    continue  # declares what it tests
                yield Condition(first, last)
            elif text == "?":
                yield Condition(self._operand(at), at - 1)

    def _operand(self, question: int) -> int:
        """Where the condition in front of `?` begins."""
        depth = 0
        for at in range(question - 1, 0, -1):
            text = self.tokens[at].text
            if text in (")", "]", "}"):
                depth += 1
            elif text in ("(", "[", "{") and depth > 0:
                depth -= 1
            elif depth == 0 and text in ("(", "[", "{", "}", ",", ";", "=", "return", "?", ":"):
                return at + 1
        return question

    def statements(self, function: Function) -> Iterator[Statement]:
        at, guarded = function.first + 1, False
        while at < function.last:
            text = self.tokens[at].text
            if text in ("{", "}"):
                at, guarded = at + 1, False
            elif text in ("if", "while", "for", "switch"):
                at, guarded = self.match(at + 1) + 1, True
            elif text in ("else", "do"):
                at, guarded = at + 1, True
            elif text in ("case", "default"):
                while self.tokens[at].text != ":":
                    at += 1
                at += 1
            else:
                last = at
                while self.tokens[last].text != ";":
                    last = self.match(last) + 1 if self.tokens[last].text in _PAIRS else last + 1
                declares = bool(_DECLARATION.match(self.span(at, last)))
                yield Statement(at, last, guarded, declares)
                at, guarded = last + 1, False
