"""A small document of each format, and what becomes of it when its text is in capitals."""

HTML = """\
<!DOCTYPE html>
<html lang=en><head><meta charset="utf-8"><title>Tea &amp; bread</title>
<meta name="description" content="How tea is made."><meta name="author" content="Jo">
<script>if (a < b) { document.write("<p>tea</p>"); }</script>
<style>p > b { color: red }</style></head>
<body class='main'><!-- a comment <p> -->
<h1>Tea<a class="link" href="#tea" title="To this heading">#</a></h1>
<p>Boil <b>one <i>litre</i></b> of water, see <a href="w.html?a=1&amp;b=2" title=more>the
   other <code>page</code></a>. Then wait&nbsp;here.<br/>Pour it.
<p>An unclosed <b>bold <i>crossing</b> one</i> ends. <b>One. Two</b> three.
<ul><li>Green<li translate="no">Brand<li>Black <img src=t.png alt="A cup"> tea</ul>
<pre>keep  this</pre> <textarea placeholder='Your name'>keep</textarea>
<p>42 &lt; 43</p>
<p>Write &lt;1&gt; <em>now</em>.</p></body></html>
"""
HTML_SHOUTED = """\
<!DOCTYPE html>
<html lang=en><head><meta charset="utf-8"><title>TEA &amp; BREAD</title>
<meta name="description" content="HOW TEA IS MADE."><meta name="author" content="Jo">
<script>if (a < b) { document.write("<p>tea</p>"); }</script>
<style>p > b { color: red }</style></head>
<body class='main'><!-- a comment <p> -->
<h1>TEA<a class="link" href="#tea" title="TO THIS HEADING">#</a></h1>
<p>BOIL <b>ONE <i>LITRE</i></b> OF WATER, SEE <a href="w.html?a=1&amp;b=2" title="MORE">THE
   OTHER <code>page</code></a>. THEN WAIT&nbsp;HERE.<br/>POUR IT.
<p>AN UNCLOSED <b>BOLD <i>CROSSING</b> ONE</i> ENDS. <b>ONE. TWO</b> THREE.
<ul><li>GREEN<li translate="no">Brand<li>BLACK <img src=t.png alt="A CUP"> TEA</ul>
<pre>keep  this</pre> <textarea placeholder='YOUR NAME'>keep</textarea>
<p>42 &lt; 43</p>
<p>WRITE &lt;1&gt; <em>NOW</em>.</p></body></html>
"""

MARKDOWN = """\
---
title: Kept
---
# A heading with `code` ##

Setext *heading*
================

A paragraph with **bold *and* text** over
two lines, see [the page](a.md "Title") and ![An image](x.png).
Hard break  
next line\\
last one. Price \\* 2 &amp; [ref], <b>so</b> <kbd>Ctrl</kbd>.

> A quote that is
> on two lines. And more.
> > nested quote
lazy line

> [!NOTE]
> An alert.

- item one
  goes on
- [ ] a task
  1. nested item

```python
print("fenced")
```

| Name | What it | x |
|------|:-------:|---|
| a \\| b | `c` text | 1 |
plain row | more

<div>
block of html
</div>

[ref]: http://example.org "Ref title"

Text[^1] with 2 * 3 * 4 and snake_case and array[0].

[^1]: The footnote.
"""
MARKDOWN_SHOUTED = """\
---
title: Kept
---
# A HEADING WITH `code` ##

SETEXT *HEADING*
================

A PARAGRAPH WITH **BOLD *AND* TEXT** OVER
TWO LINES, SEE [THE PAGE](a.md "Title") AND ![AN IMAGE](x.png).
HARD BREAK  
NEXT LINE\\
LAST ONE. PRICE \\* 2 &amp; [REF], <b>SO</b> <kbd>Ctrl</kbd>.

> A QUOTE THAT IS
> ON TWO LINES. AND MORE.
> > NESTED QUOTE
LAZY LINE

> [!NOTE]
> AN ALERT.

- ITEM ONE
  GOES ON
- [ ] A TASK
  1. NESTED ITEM

```python
print("fenced")
```

| NAME | WHAT IT | X |
|------|:-------:|---|
| A \\| B | `c` TEXT | 1 |
PLAIN ROW | MORE

<div>
block of html
</div>

[ref]: http://example.org "Ref title"

TEXT[^1] WITH 2 * 3 * 4 AND SNAKE_CASE AND ARRAY[0].

[^1]: THE FOOTNOTE.
"""

XLIFF_1 = """\
<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
 <file source-language="en" target-language="de" original="x" datatype="plaintext"><body>
  <trans-unit id="1">
    <source>Hello <g id="1">big <x id="2"/></g> world &amp; all.</source>
    <note>a note</note>
  </trans-unit>
  <trans-unit id="2"><source>Save</source><target state="new"/></trans-unit>
  <trans-unit id="3"><source>Done</source><target>Fertig</target></trans-unit>
  <group translate="no"><trans-unit id="4"><source>Kept</source></trans-unit></group>
  <trans-unit id="5">
    <source>One. Two.</source>
    <seg-source><mrk mtype="seg" mid="1">One.</mrk> <mrk mtype="seg" mid="2">Two.</mrk></seg-source>
    <target></target>
    <alt-trans><source>x</source><target>y</target></alt-trans>
  </trans-unit>
  <trans-unit id="6"><source>42</source></trans-unit>
  <trans-unit id="7"><source><![CDATA[A <b> & c]]></source></trans-unit>
 </body></file>
</xliff>
"""
_STATE = 'state="needs-review-translation" state-qualifier="leveraged-mt"'
XLIFF_1_SHOUTED = f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
 <file source-language="en" target-language="de" original="x" datatype="plaintext"><body>
  <trans-unit id="1">
    <source>Hello <g id="1">big <x id="2"/></g> world &amp; all.</source>
    <target {_STATE}>HELLO <g id="1">BIG <x id="2"/></g> WORLD &amp; ALL.</target>
    <note>a note</note>
  </trans-unit>
  <trans-unit id="2"><source>Save</source><target {_STATE}>SAVE</target></trans-unit>
  <trans-unit id="3"><source>Done</source><target>Fertig</target></trans-unit>
  <group translate="no"><trans-unit id="4"><source>Kept</source></trans-unit></group>
  <trans-unit id="5">
    <source>One. Two.</source>
    <seg-source><mrk mtype="seg" mid="1">One.</mrk> <mrk mtype="seg" mid="2">Two.</mrk></seg-source>
    <target {_STATE}><mrk mtype="seg" mid="1">ONE.</mrk> \
<mrk mtype="seg" mid="2">TWO.</mrk></target>
    <alt-trans><source>x</source><target>y</target></alt-trans>
  </trans-unit>
  <trans-unit id="6"><source>42</source><target {_STATE}>42</target></trans-unit>
  <trans-unit id="7"><source><![CDATA[A <b> & c]]></source><target {_STATE}>\
A &lt;B&gt; &amp; C</target></trans-unit>
 </body></file>
</xliff>
"""

XLIFF_2 = """\
<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en">
 <file id="f1"><unit id="1">
   <segment id="s1">
      <source>Hello <pc id="1">big</pc> <ph id="2"/>.</source>
   </segment>
   <ignorable><source> x </source></ignorable>
   <segment state="initial"><source>Next</source><target/></segment>
   <segment state="final"><source>Next</source><target>Weiter</target></segment>
 </unit></file>
</xliff>
"""
XLIFF_2_SHOUTED = """\
<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="de">
 <file id="f1"><unit id="1">
   <segment id="s1" state="translated">
      <source>Hello <pc id="1">big</pc> <ph id="2"/>.</source>
      <target>HELLO <pc id="1">BIG</pc> <ph id="2"/>.</target>
   </segment>
   <ignorable><source> x </source></ignorable>
   <segment state="translated"><source>Next</source><target>NEXT</target></segment>
   <segment state="final"><source>Next</source><target>Weiter</target></segment>
 </unit></file>
</xliff>
"""

PO = r"""# a comment
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: a.c:1
msgctxt "menu"
msgid "Open file"
msgstr ""

#, fuzzy
msgid "Guess"
msgstr "Vermutung"

msgid ""
"A long text that is on several lines and \"quoted\",\tso that its new text "
"must be wrapped, too.\n"
"Second line.\n"
msgstr ""

msgid "One file"
msgid_plural "Many files"
msgstr[0] ""
msgstr[1] ""

msgid "Done"
msgstr "Fertig"

msgid "%d"
msgstr ""

#~ msgid "Old"
#~ msgstr ""
"""
PO_SHOUTED = r"""# a comment
msgid ""
msgstr ""
"Language: de\n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\n"

#: a.c:1
msgctxt "menu"
msgid "Open file"
msgstr "OPEN FILE"

#, fuzzy
msgid "Guess"
msgstr "Vermutung"

msgid ""
"A long text that is on several lines and \"quoted\",\tso that its new text "
"must be wrapped, too.\n"
"Second line.\n"
msgstr ""
"A LONG TEXT THAT IS ON SEVERAL LINES AND \"QUOTED\",\tSO THAT ITS NEW TEXT "
"MUST BE WRAPPED, TOO.\n"
"SECOND LINE.\n"

msgid "One file"
msgid_plural "Many files"
msgstr[0] "ONE FILE"
msgstr[1] "MANY FILES"

msgid "Done"
msgstr "Fertig"

msgid "%d"
msgstr "%D"

#~ msgid "Old"
#~ msgstr ""
"""

SRT = """\
1
00:00:01,000 --> 00:00:02,500
<i>Hello my dear</i>
old friend. How are you?

2
00:00:03,000 --> 00:00:04,000 X1:1 X2:2
{\\an8}- Hi!
- Hello.

3
00:00:05,000 --> 00:00:06,000
42

"""
SRT_SHOUTED = """\
1
00:00:01,000 --> 00:00:02,500
<i>HELLO MY DEAR</i>
OLD FRIEND. HOW ARE YOU?

2
00:00:03,000 --> 00:00:04,000 X1:1 X2:2
{\\an8}- HI!
- HELLO.

3
00:00:05,000 --> 00:00:06,000
42

"""

VTT = """\
WEBVTT - a title
Kind: captions

NOTE
a note

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Ann>Tom &amp; Jerry
are here</v>

00:03.000 --> 00:04.000
Bye <00:03.500>now
"""
VTT_SHOUTED = """\
WEBVTT - a title
Kind: captions

NOTE
a note

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.500 align:start
<v Ann>TOM &amp; JERRY
ARE HERE</v>

00:03.000 --> 00:04.000
BYE <00:03.500>NOW
"""

# Name, document, the document in capitals.
ALL = [
    ("a.html", HTML, HTML_SHOUTED),
    ("a.md", MARKDOWN, MARKDOWN_SHOUTED),
    ("a.xlf", XLIFF_1, XLIFF_1_SHOUTED),
    ("b.xliff", XLIFF_2, XLIFF_2_SHOUTED),
    ("a.po", PO, PO_SHOUTED),
    ("a.srt", SRT, SRT_SHOUTED),
    ("a.vtt", VTT, VTT_SHOUTED),
]
