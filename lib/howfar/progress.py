"""The one progress bar."""

import os

from howfar.environment import is_interactive


def progress(total, description=""):
    """A progress bar where a person is watching (a terminal or a live notebook), silence everywhere else.

    Parameters
    ----------
    total : int
        How many steps there are.
    description : str
        Stands before the bar.

    Returns
    -------
    tqdm.tqdm
        A context manager with ``update(n)``; it prints nothing under nbclient, nbval, in a pipe or in CI.
    """
    from tqdm.auto import tqdm
    from tqdm.std import tqdm as plain

    if "CI" in os.environ or not is_interactive():
        return plain(total=total, disable=True)
    return tqdm(total=total, desc=description, leave=False)
