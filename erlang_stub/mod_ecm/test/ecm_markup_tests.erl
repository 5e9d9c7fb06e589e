%% SPDX-License-Identifier: GPL-2.0-or-later

-module(ecm_markup_tests).

-include_lib("eunit/include/eunit.hrl").

forbidden_test_() ->
    [{Xml, ?_assert(ecm_markup:is_forbidden(list_to_binary(Xml)))}
     || Xml <- ["<a><!-- b --></a>", "<!-- b --><a/>", "<a/><!---->", "<a><?b c?></a>",
                "<?xml version='1.0'?><?b?><a/>", "<!DOCTYPE a><a/>",
                "<a><![CDATA[b]]><!-- c --></a>", "<a><![CDATA[]]><![CDATA[b]]><?c?></a>",
                "<a/><?xml version='1.0'?>"]].

allowed_test_() ->
    [{Xml, ?_assertNot(ecm_markup:is_forbidden(list_to_binary(Xml)))}
     || Xml <- ["<a/>", "<?xml version='1.0'?><a/>", "<a b='!-- --'>&lt;!-- --></a>",
                "<a><![CDATA[<!-- <?b?> ]] > ]]></a>", "<a><![CDATA[<!]]>b<![CDATA[<?]]></a>"]].
