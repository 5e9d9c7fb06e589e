%% SPDX-License-Identifier: GPL-2.0-or-later

%% @doc Bodies in which one part is repeated very often, to find what takes more than linear time, or grows.

-module(ecm_hostile).

-export([shapes/0, work/1]).

-define(NS, "http://jabber.org/protocol/httpbind").

%% @doc Returns the names of shapes, and functions that make a body of about so many bytes of each.
-spec shapes() -> [{Name :: string(), fun((Size :: pos_integer()) -> binary())}].
shapes() ->
    [{Name, fun(Size) -> stanza(Before, filled(Part, Size), After) end}
     || {Name, Before, Part, After} <- in_stanzas()]
        ++ [{Name, fun(Size) -> tag(Before, filled(Part, Size)) end}
            || {Name, Before, Part} <- in_tags()].

stanza(Before, Parts, After) ->
    iolist_to_binary(["<body rid='1' xmlns='" ?NS "'>", Before, Parts, After, "</body>"]).

tag(Before, Parts) ->
    iolist_to_binary(["<body rid='1' xmlns='" ?NS "'", Before, Parts, "/>"]).

%% A percent sign in a part stands for its number.
filled(Part, Size) ->
    [string:replace(Part, "%", integer_to_list(Number), all)
     || Number <- lists:seq(10000, 10000 + Size div length(Part))].

in_stanzas() ->
    Long = lists:duplicate(250, $u),
    Prefix = "<message><x xmlns='urn:x' xmlns:p='" ++ Long ++ "'>",
    [{"elements", "<message><x>", "<a/>", "</x></message>"},
     {"messages", "", "<message to='b'><body>Hello</body></message>", ""},
     {"text", "<message><x>", "text ", "</x></message>"},
     {"attributes", "<message><x", " a%=''", "/></message>"},
     {"attributes with a prefix", "<message xmlns:p='urn:p'><x", " p:a%=''", "/></message>"},
     {"declarations", "<message><x", " xmlns:a%='u'", "/></message>"},
     {"declarations again and again", Prefix, "<a xmlns:a%='u'/>", "</x></message>"},
     {"one long namespace", Prefix, "<p:a/>", "</x></message>"},
     {"one long namespace, of attributes", Prefix, "<a p:b=''/>", "</x></message>"},
     {"one long namespace, here and there", Prefix, "<p:a><a/></p:a>", "</x></message>"},
     {"one long namespace, of the message", "<message xmlns:p='" ++ Long ++ "'>", "<p:a/>",
      "</message>"},
     {"no namespace", Prefix, "<a xmlns=''/>", "</x></message>"},
     {"names of another alphabet", "<message><x>", "<\303\274%/>", "</x></message>"},
     {"deep", "<message><x>", "<a>", ""},
     {"deep now and then", "<message><x>", lists:append(lists:duplicate(150, "<a>"))
          ++ lists:append(lists:duplicate(150, "</a>")), "</x></message>"},
     {"CDATA sections", "<message><x>", "<![CDATA[]]>", "</x></message>"},
     {"CDATA sections that are full", "<message><x><![CDATA[", "&<", "]]></x></message>"},
     {"ends of CDATA sections", "<message><x>", "]] ]]&gt;", "</x></message>"},
     {"a section without an end", "<message><x><![CDATA[", "]]", ""},
     {"references", "<message><x>", "&amp;", "</x></message>"},
     {"references to characters", "<message><x>", "&#97;&#x62;", "</x></message>"},
     {"a long reference", "<message><x>&#", "0", "97;</x></message>"},
     {"line ends", "<message><x>", "\r", "</x></message>"},
     {"quotation marks", "<message><x>", "'\"", "</x></message>"},
     {"quotation marks in a value", "<message><x a='", "\"\"&#39;", "'/></message>"},
     {"spaces in a tag", "<message><x", "   ", "/></message>"},
     {"spaces between stanzas", "<message/>", "\r\n  ", "<message/>"},
     {"comments", "<message><x>", "<!---->", "</x></message>"},
     {"tags that do not end", "<message>", "<a ", ""}].

in_tags() ->
    [{"attributes of the body", "", " a%=''"},
     {"attributes of the body, with a prefix", " xmlns:p='urn:p'", " p:a%=''"},
     {"attributes of the body, of another alphabet", "", " \303\274%=''"},
     {"declarations of the body", "", " xmlns:a%='u'"},
     {"spaces in the body's tag", "", "   "}].

%% @doc Reads a body, and writes its stanzas. Returns the reductions, which hardly vary, and the length of
%% the stanzas, or the fault.
-spec work(binary()) -> {Reductions :: pos_integer(), non_neg_integer() | atom()}.
work(Body) ->
    Self = self(),
    {_, Monitor} = spawn_monitor(fun() ->
                                         Before = reductions(),
                                         Result = result(ecm_bodies:parse(Body)),
                                         Self ! {done, reductions() - Before, Result}
                                 end),
    receive
        {done, Reductions, Result} ->
            demonitor(Monitor, [flush]),
            {Reductions, Result};
        {'DOWN', Monitor, _, _, Reason} ->
            error(Reason)
    end.

result({ok, #{els := Els}}) -> iolist_size(lists:map(fun ecm_xml_stanza:encode/1, Els));
result({error, Fault}) -> Fault.

reductions() ->
    {reductions, Reductions} = process_info(self(), reductions),
    Reductions.
