"""Parameters of addresses that tell where a reader comes from and never which page is meant.

After the global rules of ClearURLs, the query stripping lists of Firefox and Brave, and what the vendors document. A
name belongs here only if no site uses it to tell pages apart: ``ref``, ``id``, ``source`` and the like do not.
"""

from __future__ import annotations

import re

_NAMES = frozenset({
    "__hsfp", "__hssc", "__hstc", "__s", "__twitter_impression", "_branch_match_id", "_branch_referrer", "_ga",
    "_gl", "_hsenc", "_hsmi", "_openstat", "action_object_map", "action_ref_map", "action_type_map", "ads_cmpid",
    "at_recipient_id", "at_recipient_list", "bbeml", "bsft_clkid", "bsft_uid", "cjevent", "cmpid", "dclid", "dicbo",
    "dm_i", "echobox", "ef_id", "elqtrack", "elqtrackid", "emci", "emdi", "epik", "et_rid", "fb_action_ids",
    "fb_action_types", "fb_comment_id", "fb_ref", "fb_source", "fbadid", "fbclid", "gad_campaignid", "gad_source",
    "gbraid", "gclid", "gclsrc", "gs_l", "guccounter", "guce_referrer", "guce_referrer_sig", "hmb_campaign",
    "hmb_medium", "hmb_source", "hsctatracking", "igsh", "igshid", "irclickid", "irgwc", "li_fat_id", "li_source",
    "mc_cid", "mc_eid", "mkt_tok", "ml_subscriber", "ml_subscriber_hash", "msclkid", "ncid", "ndclid",
    "nr_email_referer", "obclid", "ocid", "oly_anon_id", "oly_enc_id", "os_ehash", "rb_clid", "rdt_cid", "s_cid",
    "s_kwcid", "sc_campaign", "sc_channel", "sccid", "scclid", "sfmc_activityid", "sfmc_id", "smid", "spm",
    "srsltid", "ss_email_id", "ss_source", "sthash", "syclid", "tblci", "tduid", "tracking_source", "trkid",
    "ttclid", "twclid", "unicorn_click_id", "vero_conv", "vero_id", "vgo_ee", "wbraid", "wickedid", "wt.mc_id",
    "wtrid", "xtor", "yclid", "ymclid", "ysclid",
})  # fmt: skip
_FAMILIES = re.compile(
    r"(?:utm|itm|otm|mtm|matomo|pk|piwik|hsa|trk)_[a-z0-9_.-]+"
    r"|at_(?:medium|campaign|custom\d|link_\w+|ptr_name|format|bbc_team|campaign_type)"
    r"|ns_(?:source|mchannel|campaign|linkname|fee)|wt_z?mc|fb_xd_\w+"
)


def is_tracking(name: str) -> bool:
    """Whether a parameter of this name, in any case, says nothing on which page is meant."""
    lower = name.lower()
    return lower in _NAMES or _FAMILIES.fullmatch(lower) is not None
