-- What a site's accounting would refuse, without a data base: jobs of no or of an unknown project, and unknown qualities of
-- service. The answers are Slurm's own for these cases.
local accounts = { p200001 = true, p200002 = true }
local qos = { default = true, short = true }
local ESLURM_INVALID_ACCOUNT, ESLURM_INVALID_QOS = 2045, 2066

function slurm_job_submit(job, _, _)
   if not accounts[job.account] then
      return ESLURM_INVALID_ACCOUNT
   end
   if job.qos and not qos[job.qos] then
      return ESLURM_INVALID_QOS
   end
   return slurm.SUCCESS
end

function slurm_job_modify(_, _, _, _)
   return slurm.SUCCESS
end

return slurm.SUCCESS
