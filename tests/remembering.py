"""Beam asks each pipeline the same questions about its own classes; here the answers are kept.

What the parameters of a DoFn's methods are, and which options a class of options has, Beam finds
out anew for every transform of every pipeline: two thirds of the time that a small job takes in
this process. Neither depends on the pipeline. Commands that tests start in processes of their own
run Beam as it is.
"""

import copy
import functools
import types
import weakref

from apache_beam.options import pipeline_options
from apache_beam.transforms import core


def remember() -> None:
    """Wraps the two functions of Beam; once is enough."""
    if not hasattr(core.get_function_args_defaults, "__wrapped__"):
        core.get_function_args_defaults = _by_function(core.get_function_args_defaults)
        options = pipeline_options.PipelineOptions
        options.view_as = _by_class(options.view_as)


def _by_function(ask):
    """Names and defaults of parameters are those of the function, whatever it is bound to."""
    of_functions, of_methods = weakref.WeakKeyDictionary(), weakref.WeakKeyDictionary()

    @functools.wraps(ask)
    def asked_once(function):
        if isinstance(function, types.MethodType):
            known, key = of_methods, function.__func__
        elif isinstance(function, types.FunctionType):
            known, key = of_functions, function
        else:
            return ask(function)
        if key not in known:
            known[key] = ask(function)
        names, defaults = known[key]
        return list(names), list(defaults)

    return asked_once


def _by_class(view_as):
    """Without flags the options of a class are its defaults, where none is set in the original."""
    defaults = {}

    @functools.wraps(view_as)
    def viewed(self, cls):
        if self._flags != []:
            return view_as(self, cls)
        if cls not in defaults:
            defaults[cls] = cls([])._visible_options
        view = cls.__new__(cls)
        found = copy.deepcopy(defaults[cls])
        vars(view).update(_flags=self._flags, _visible_options=found, _all_options={})
        for name in view._visible_option_list():
            self._all_options.setdefault(name, getattr(found, name))
        view._all_options = self._all_options
        return view

    return viewed
